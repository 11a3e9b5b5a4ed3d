/** A process that a supervisor has started for a worker. */
import { ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { longestTimer } from '@dtask/core/internal';
import type { StandbyOrders } from '@dtask/worker/standby';
import type { Ending } from '../exit-codes.js';
import {
  type Facts,
  type FromWorker,
  type Opening,
  placeVariable,
  supervisedVariable,
  type ToWorker,
} from './line.js';

/** Which process to start. */
export interface ProcessOrders {
  /** The arguments of `dtask`. */
  readonly args: readonly string[];
  /** Its number among several workers. */
  readonly place: number | undefined;
  /** What it has ready while it waits for orders. */
  readonly standby: StandbyOrders | undefined;
}

/** What a worker says of one kind. */
type Heard<K extends FromWorker[0]> = Extract<FromWorker, readonly [K, ...unknown[]]>;

const main = fileURLToPath(new URL('../main.js', import.meta.url));

/** Whatever keeps the system from starting it is an 'error' event. */
function start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  try {
    return spawn(process.execPath, [...process.execArgv, main, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env,
      // A group of its own: Ctrl-C in a terminal is the supervisor's to pass on, once.
      detached: process.platform !== 'win32',
    });
  } catch (error) {
    const unborn = new ChildProcess();
    process.nextTick(() => unborn.emit('error', error));
    return unborn;
  }
}

/** It does nothing that it was not told to; whatever it is told ends with its end. */
export class WorkerProcess {
  /** Resolves when its app is found; to nothing where it ends before. */
  readonly found: Promise<Facts | undefined>;
  /** Resolves to whether it could load all of that. */
  readonly loaded: Promise<boolean>;
  /** Resolves to whether it could start its children. */
  readonly warm: Promise<boolean>;
  /** Resolves to whether it could begin to take tasks. */
  readonly ready: Promise<boolean>;
  readonly gone: Promise<Ending>;
  /** Whether it was let take tasks. */
  hasBegun = false;
  /** Why the system could not start it, where it could not; known when it is gone. */
  failure: Error | undefined;
  readonly #child: ChildProcess;
  #told = false;
  #hasStopped = false;
  #late: NodeJS.Timeout | undefined;
  #since = performance.now();

  constructor({ args, place, standby }: ProcessOrders) {
    const number = place === undefined ? {} : { [placeVariable]: String(place) };
    const supervised = { [supervisedVariable]: JSON.stringify(standby ?? null) };
    this.#child = start(args, { ...process.env, ...number, ...supervised });
    this.gone = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        // Its last words may still be on their way.
        if (this.#child.connected) this.#child.once('disconnect', () => resolve({ code, signal }));
        else resolve({ code, signal });
      });
      this.#child.on('error', (error) => {
        if (this.#child.pid !== undefined) return;
        this.failure = error;
        resolve({ code: 1, signal: null });
      });
    });
    void this.gone.then(() => clearTimeout(this.#late));
    this.found = this.#hears('found').then((message) => message?.[1]);
    this.loaded = this.#hears('loaded').then(Boolean);
    this.warm = this.#hears('warm').then(Boolean);
    this.ready = this.#hears('ready').then(Boolean);
    void this.#hears('stopped').then((said) => {
      this.#hasStopped = said !== undefined;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it takes tasks. */
  get isUp(): boolean {
    return this.hasBegun && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Whether it was told to end, by whomever, where its exit code is 0: code of the app may end it so, too. */
  get wasTold(): boolean {
    return this.#hasStopped || !this.hasBegun;
  }

  /** How long it has lived since it took tasks, in milliseconds; 0 where it did not. */
  get lived(): number {
    return this.hasBegun ? performance.now() - this.#since : 0;
  }

  /** Resolves to nothing when it is gone. */
  async #hears<K extends FromWorker[0]>(kind: K): Promise<Heard<K> | undefined> {
    const said = new Promise<Heard<K>>((resolve) => {
      this.#child.on('message', (message) => {
        const heard = message as FromWorker;
        if (heard[0] === kind) resolve(heard as Heard<K>);
      });
    });
    return Promise.race([said, this.gone.then(() => undefined)]);
  }

  order(message: ToWorker): void {
    // One that is gone meanwhile is heard of by its end.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Lets it take tasks. */
  begin(opening: Opening): void {
    this.hasBegun = true;
    this.#since = performance.now();
    this.order(['go', opening]);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /**
   * Tells it to stop when its tasks have ended, once; one that has none is killed.
   *
   * @param patience after which it is killed, in milliseconds; 0 is for ever
   */
  stopWarm(patience: number): void {
    if (!this.hasBegun) return this.kill();
    if (!this.#told) this.signal('SIGTERM');
    this.#told = true;
    return this.#killIn(patience);
  }

  /** Tells it to hand back what it runs, and to stop. */
  stopCold(patience: number): void {
    if (!this.hasBegun) return this.kill();
    this.signal('SIGQUIT');
    return this.#killIn(patience);
  }

  #killIn(patience: number): void {
    clearTimeout(this.#late);
    if (patience > 0) this.#late = setTimeout(() => this.kill(), Math.min(patience, longestTimer));
  }

  /** Ends it where it stands. */
  kill(): void {
    this.signal('SIGKILL');
  }
}
