/** The life of what is started once and stopped once: where it stands, and what may follow on which. */
import { type App, StartupError } from '@dtask/core';
import type { WorkerLog } from './log.js';

/** Where a worker or a beat stands. */
export type LifeState = 'new' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** What starts and stops on an App. */
export interface LifePlace {
  /** For the error of one that is over: "worker w1". */
  readonly what: string;
  readonly app: App;
  readonly log: WorkerLog;
  /** Takes down all that a start has made, so far as it came. */
  readonly end: (force: boolean) => Promise<void>;
  /** Hears of the error of a start that failed. */
  readonly onFailure?: (error: unknown) => void;
}

/** Ends a start in the middle; `Life.start` turns it into an end without an error. */
class Interrupted extends Error {}

/**
 * Start and stop, each done once however often it is asked for, and in whatever order. An App that is
 * closed tells it to stop.
 *
 * |          | start()                     | stop()                          |
 * | -------- | --------------------------- | ------------------------------- |
 * | new      | starts                      | never starts                    |
 * | starting | the same start              | ends the start, and undoes it   |
 * | running  | has started                 | stops                           |
 * | stopping | rejects                     | the same stop                   |
 * | stopped  | rejects                     | has stopped                     |
 * | failed   | rejects, with the same error | has stopped: a start undoes itself |
 */
export class Life {
  readonly #place: LifePlace;
  #state: LifeState = 'new';
  #started: Promise<void> | undefined;
  #settled: Promise<void> | undefined;
  #ended: Promise<void> | undefined;
  #broken: { readonly error: unknown } | undefined;

  constructor(place: LifePlace) {
    this.#place = place;
  }

  get state(): LifeState {
    return this.#state;
  }

  /** Whether it is to make nothing any more: it was told to stop, or could not start. */
  get isOver(): boolean {
    return !['new', 'starting', 'running'].includes(this.#state);
  }

  /** Resolves when a start that was begun goes on no more, whatever came of it. */
  get settled(): Promise<void> {
    return this.#settled ?? Promise.resolve();
  }

  /**
   * Starts, once. A start that is told to stop meanwhile resolves all the same.
   *
   * @throws (rejects) StartupError when it was told to stop before, or the App is closed; what `begin`
   * rejects with
   */
  start(begin: () => Promise<void>): Promise<void> {
    const { what, app } = this.#place;
    if (this.#state === 'stopping' || this.#state === 'stopped')
      return refuse(`${what} was stopped and cannot be started again; make a new one`);
    if (this.#state === 'new' && app.closed)
      return refuse(`${what} cannot be started: its App is closed; make a new one`);
    this.#started ??= this.#start(begin);
    return this.#started;
  }

  async #start(begin: () => Promise<void>): Promise<void> {
    this.#state = 'starting';
    this.#place.app.plane.onClose.add(this.#onClose);
    const begun = begin();
    this.#settled = begun.catch(() => undefined);
    try {
      await begun;
      if (this.#broken) throw this.#broken.error;
      if (this.#state === 'starting') this.#state = 'running';
    } catch (error) {
      // What was broken off because of a stop has not failed.
      if (this.isOver) return;
      this.#state = 'failed';
      this.#place.onFailure?.(error);
      this.#ended = this.#end(true);
      await this.#ended;
      throw error;
    }
  }

  readonly #onClose = (): void => {
    this.stop(false).catch((error: unknown) => {
      this.#place.log.error({ err: error }, 'not stopped in order when its App was closed');
    });
  };

  /** Waits for a step of a start; what was told to stop meanwhile takes no further one. */
  async step<T>(work: Promise<T> | undefined): Promise<T> {
    const value = (await work) as T;
    if (this.#broken) throw this.#broken.error;
    if (this.isOver) throw new Interrupted('it was told to stop while it started');
    return value;
  }

  /** Has a start fail that goes on; gives whether there is one. */
  fail(error: unknown): boolean {
    if (this.#state !== 'starting') return false;
    this.#broken ??= { error };
    return true;
  }

  /** Stops, once; resolves when it has. */
  stop(force: boolean): Promise<void> {
    if (!this.#ended) {
      this.#state = 'stopping';
      this.#ended = this.#end(force);
    }
    return this.#ended;
  }

  async #end(force: boolean): Promise<void> {
    const { app, end } = this.#place;
    try {
      await end(force);
    } finally {
      app.plane.onClose.delete(this.#onClose);
      if (this.#state === 'stopping') this.#state = 'stopped';
    }
  }
}

const refuse = (message: string): Promise<never> => Promise.reject(new StartupError(message));
