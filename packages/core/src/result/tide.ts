/** Counts the times at which pushes may have been missed. */

/**
 * One for all mailboxes of a process. What was sent at a level is looked up where its mailbox has
 * begun to hear, or lost something, at a higher one.
 */
export class Tide {
  #level = 0;

  /** How often that was. */
  get level(): number {
    return this.#level;
  }

  /** Pushes may have been missed until now; gives the new level. */
  rise(): number {
    this.#level += 1;
    return this.#level;
  }
}
