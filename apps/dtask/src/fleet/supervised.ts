/** A worker's end of the line to its supervisor. */
import process from 'node:process';
import { type FromWorker, type Opening, supervisedVariable, type ToWorker } from './line.js';

/** What the supervisor wants done, and what to tell it. */
export class Supervised {
  readonly load: Promise<void>;
  readonly warm: Promise<void>;
  readonly turn: Promise<Opening>;

  /**
   * Gives nothing in a process that no supervisor started.
   *
   * @param onLoss hears that the supervisor is gone
   */
  static find(onLoss: () => void): Supervised | undefined {
    const asked = process.env[supervisedVariable] !== undefined;
    // What this process starts is not supervised.
    delete process.env[supervisedVariable];
    return asked && process.send ? new Supervised(onLoss) : undefined;
  }

  private constructor(onLoss: () => void) {
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
    process.once('disconnect', onLoss);
  }

  tell(message: FromWorker): void {
    // One that is gone is heard of by its closed line.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }
}
