/** What is asked of Redis, as far as it has come. */

/** One question of an App. Its commands may be several, and may be written more than once. */
export class Question {
  /** How many of its commands Redis may have carried out: written, and not refused. */
  possible = 0;
  /** Nobody waits for the answer any more: nothing of it is written again. */
  dropped = false;
  /** The connection's socket when it was asked. */
  socket: object | undefined;

  /** Whether it certainly had no effect. */
  get outcome(): 'not-sent' | 'unknown' {
    return this.possible > 0 ? 'unknown' : 'not-sent';
  }
}
