/** The server's time, which decides between machines whose clocks differ. */

/** Follows Redis' clock, by the times that its replies tell. */
export class ServerClock {
  #ahead = 0;

  /** The server's time, in milliseconds since 1970. */
  readonly now = (): number => Date.now() + this.#ahead;

  /**
   * Hears of the server's time.
   *
   * @param asked when it was asked for, by this machine
   */
  set(time: number, asked: number): void {
    // It was read about half way between the question and the answer.
    this.#ahead = time - (asked + Date.now()) / 2;
  }
}
