/** What a pool does about children that do not come up: it tries again, after growing waits. */
import { StartupError } from '@dtask/core';

/** The first wait, which doubles each time, and the longest, in milliseconds. */
const firstWait = 200;
const longestWait = 30_000;
/** So many times in a row the app is loaded in vain. */
const mostBroken = 5;
/** So many times in a row none is started, for want of descriptors, memory or processes: for over a minute. */
const mostUnborn = 10;

/** Counts failures in a row: children that failed side by side are one. */
export class Setbacks {
  #broken = 0;
  #unborn = 0;
  #pause: NodeJS.Timeout | undefined;

  /** Whether it is not yet time to start another child. */
  get pausing(): boolean {
    return this.#pause !== undefined;
  }

  /** Whether the app was loaded in vain so often that no child is started any more. */
  get isStuck(): boolean {
    return this.#broken >= mostBroken;
  }

  /** Whether the system has not started the last child. */
  get isShort(): boolean {
    return this.#unborn > 0;
  }

  /**
   * Notes a failure.
   *
   * @param failure why the system could not start the child; nothing where it was the app that failed
   * @returns how long to wait, in milliseconds; nothing where that was said already
   */
  note(failure: Error | undefined, onOver: () => void): number | undefined {
    if (this.#pause) return undefined;
    if (failure) this.#unborn += 1;
    else this.#broken += 1;
    const wait = Math.min(longestWait, firstWait * 2 ** (this.#unborn + this.#broken - 1));
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      onOver();
    }, wait).unref();
    return wait;
  }

  /**
   * Why the pool gives up; nothing where it does not, or not yet.
   *
   * @param living how many children can run tasks: with some of them it can do without others
   */
  over(error: unknown, failure: Error | undefined, living: number): StartupError | undefined {
    const reason = error instanceof Error ? error.message : String(error);
    if (this.isStuck)
      return new StartupError(`${mostBroken} children in a row could not load the app: ${reason}`, {
        cause: error,
      });
    if (!failure || living > 0 || this.#unborn < mostUnborn) return undefined;
    return new StartupError(
      `no child could be started, ${mostUnborn} times in a row: ${failure.message}; raise the limit that the system names (open files, processes, memory)`,
      { cause: failure },
    );
  }

  /** A child came up, or the code has changed. */
  forget(): void {
    this.#broken = 0;
    this.#unborn = 0;
  }

  /** Waits no more. */
  stop(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }
}
