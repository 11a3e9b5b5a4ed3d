/** A worker's end of the line to its supervisor. */
import process from 'node:process';
import {
  type FromWorker,
  type Opening,
  type StandbyJson,
  supervisedVariable,
  type ToWorker,
} from './line.js';

/** What the supervisor wants done, and what to tell it. */
export class Supervised {
  /** What to have ready until then. */
  readonly standby: StandbyJson;
  readonly load: Promise<void>;
  readonly warm: Promise<void>;
  readonly turn: Promise<Opening>;

  /** Resolves when the supervisor is gone. */
  readonly lost: Promise<void>;

  /** Gives nothing in a process that no supervisor started. */
  static find(): Supervised | undefined {
    const asked = process.env[supervisedVariable];
    // What this process starts is not supervised.
    delete process.env[supervisedVariable];
    return asked !== undefined && process.send
      ? new Supervised(JSON.parse(asked) as StandbyJson)
      : undefined;
  }

  /** Whether the code is being written: what does not load waits for a change. */
  get development(): boolean {
    return this.standby !== null;
  }

  private constructor(standby: StandbyJson) {
    this.standby = standby;
    let load: () => void = () => undefined;
    let warm: () => void = () => undefined;
    let go: (opening: Opening) => void = () => undefined;
    this.load = new Promise((resolve) => (load = resolve));
    this.warm = new Promise((resolve) => (warm = resolve));
    this.turn = new Promise((resolve) => (go = resolve));
    process.on('message', (message) => {
      const order = message as ToWorker;
      if (order[0] === 'load') load();
      else if (order[0] === 'warm') warm();
      else go(order[1]);
    });
    this.lost = new Promise((resolve) => {
      process.once('disconnect', resolve);
      // It may have gone while this process started.
      if (!process.connected) resolve();
    });
  }

  tell(message: FromWorker): void {
    // One that is gone is heard of by its closed line.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }
}
