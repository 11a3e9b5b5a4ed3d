/** What the signals mean to a process that works until it is told to stop. */

import { expectExit } from '../early-exit.js';

/** What can be told to stop. */
export interface Stoppable {
  /** Takes nothing more, and lets end what runs. */
  warm(): void;
  /** Hands back what runs, and ends. */
  cold(): void;
  /** Ends where it stands. */
  now(): void;
  /** Ends as `warm` does, for a new process to take its place. */
  restart(): void;
  /** Says what it does. */
  report(): void;
}

/** How hard a process is told to stop. */
const levels = { warm: 1, cold: 2, now: 3 } as const;

/**
 * The first SIGTERM or SIGINT is warm, the second cold, the third now; SIGQUIT is cold from the
 * start. SIGHUP restarts, SIGUSR2 reports. SIGUSR1 is Node's own: it opens the debugger.
 */
export class StopSignals {
  readonly #target: Stoppable;
  readonly #escalates: boolean;
  #level = 0;

  /**
   * @param escalates whether the same signal again means more. Not so where there is a supervisor:
   * what signals all processes of a service reaches a worker twice.
   */
  constructor(target: Stoppable, escalates: boolean) {
    this.#target = target;
    this.#escalates = escalates;
    process.on('SIGTERM', () => this.raise(levels.warm));
    process.on('SIGINT', () => this.raise(levels.warm));
    process.on('SIGQUIT', () => this.raise(levels.cold));
    process.on('SIGHUP', () => {
      if (this.#level > 0) return;
      expectExit();
      target.restart();
    });
    process.on('SIGUSR2', () => target.report());
  }

  /** Stops, at least so hard. */
  raise(least: number = levels.warm): void {
    const level = Math.max(this.#escalates ? this.#level + 1 : this.#level, least);
    if (level === this.#level) return;
    this.#level = level;
    expectExit();
    if (level === levels.warm) this.#target.warm();
    else if (level === levels.cold) this.#target.cold();
    else this.#target.now();
  }
}
