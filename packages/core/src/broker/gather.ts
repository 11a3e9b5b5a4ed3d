/** Writes the commands of one turn of the event loop together: each write to a socket is a system call. */
import type { Redis } from 'ioredis';

/**
 * Commands that are written at once. All of a turn's would leave Redis idle while they are made,
 * and this process idle while they run.
 */
const most = 8;

/**
 * Holds back what is written to a connection, until there is enough or the turn ends. The first command of
 * a turn goes at once: mostly it is the only one, and somebody waits for what comes of it.
 */
export class Gather {
  #stream: Redis['stream'] | undefined;
  #held = 0;

  /** To be called ahead of each command. */
  hold({ stream }: Redis): void {
    if (this.#stream !== stream) {
      this.#release();
      this.#stream = stream;
      process.nextTick(this.#release);
      return;
    }
    if (this.#held === most) {
      stream.uncork();
      this.#held = 0;
    }
    if (this.#held === 0) stream.cork();
    this.#held += 1;
  }

  readonly #release = (): void => {
    if (this.#held > 0) this.#stream?.uncork();
    this.#stream = undefined;
    this.#held = 0;
  };
}
