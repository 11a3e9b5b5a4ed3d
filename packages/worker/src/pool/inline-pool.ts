/** Runs tasks on the worker's own event loop: for code that waits more than it computes. */
import type { Hooks } from '@dtask/core/internal';
import { perform } from '../perform.js';
import type { Report } from '../report.js';
import { Run, type RunPlace } from '../run.js';
import { followStrays } from '../strays.js';
import type { Performance, Pool, Work } from './pool.js';

/** A run, and how it ended. */
class InlineRun extends Run implements Performance {
  readonly run = this;
  report: Report | Promise<Report> = { kind: 'ignore' };
}

/** The pool without children. */
export class InlinePool implements Pool {
  readonly kind = 'inline';
  readonly #place: RunPlace;
  readonly #hooks: Hooks;
  #unfollow: (() => void) | undefined;

  constructor(place: RunPlace, hooks: Hooks) {
    this.#place = place;
    this.#hooks = hooks;
  }

  start({ message, definition, queue, retries, limit, soft }: Work): Performance {
    // In a program of somebody's else, what tasks leave behind must not end that.
    this.#unfollow ??= followStrays();
    const run = new InlineRun(message, retries, queue, this.#place, limit, soft);
    run.report = perform(definition, message, run, this.#hooks);
    return run;
  }

  resize(): void {
    // Its tasks share the event loop: how many there are is the slots' to say.
  }

  stats(): { implementation: 'inline' } {
    return { implementation: this.kind };
  }

  stop(): Promise<void> {
    this.#unfollow?.();
    this.#unfollow = undefined;
    return Promise.resolve();
  }
}
