/** What the signals mean to a process that works until it is told to stop. */

import { expectExit } from '../early-exit.js';
import { handSignalsOver } from '../early-stop.js';
import { echo, NpmAbove } from './npm-above.js';

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
  readonly #npm: NpmAbove | undefined;
  #level = 0;
  #raised = Number.NEGATIVE_INFINITY;

  /**
   * @param escalates whether the same signal again means more. Not so where there is a supervisor:
   * what signals all processes of a service reaches a worker twice. Nor where npm stands above, for the
   * same signal that npm passes on.
   */
  constructor(target: Stoppable, escalates: boolean) {
    this.#target = target;
    this.#escalates = escalates;
    this.#npm = NpmAbove.find();
    this.#npm?.watch(() => this.#orphaned());
    process.on('SIGTERM', () => this.#signalled());
    process.on('SIGINT', () => this.#signalled());
    process.on('SIGQUIT', () => this.raise(levels.cold));
    process.on('SIGHUP', () => {
      if (this.#level > 0) return;
      expectExit();
      target.restart();
    });
    process.on('SIGUSR2', () => target.report());
    handSignalsOver();
  }

  #signalled(): void {
    const now = performance.now();
    const isEcho = this.#npm !== undefined && now - this.#raised < echo;
    this.#raised = now;
    if (!isEcho) this.raise();
  }

  /** As one signal, however it was told to stop by then. */
  #orphaned(): void {
    if (this.#level > 0) return;
    console.error('dtask: npm has ended, which had started this process: stopping as at SIGTERM');
    this.raise(this.#npm?.isFirst ? levels.cold : levels.warm);
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
