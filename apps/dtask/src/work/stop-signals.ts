/** What the signals mean to a process that works until it is told to stop. */

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

/**
 * The first SIGTERM or SIGINT is warm, the second cold, the third now; SIGQUIT is cold from the
 * start. SIGHUP restarts, SIGUSR2 reports. SIGUSR1 is Node's own: it opens the debugger.
 */
export class StopSignals {
  readonly #target: Stoppable;
  #level = 0;

  constructor(target: Stoppable) {
    this.#target = target;
    process.on('SIGTERM', () => this.raise());
    process.on('SIGINT', () => this.raise());
    process.on('SIGQUIT', () => this.raise(2));
    process.on('SIGHUP', () => {
      if (this.#level === 0) target.restart();
    });
    process.on('SIGUSR2', () => target.report());
  }

  /** Stops, harder than before. */
  raise(least = 1): void {
    this.#level = Math.max(this.#level + 1, least);
    if (this.#level === 1) this.#target.warm();
    else if (this.#level === 2) this.#target.cold();
    else this.#target.now();
  }
}
