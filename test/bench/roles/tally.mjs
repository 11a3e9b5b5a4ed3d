/** Counts the tasks that a worker runs, and takes time and CPU between two of them. */
// @ts-check

/** @typedef {{ tasks: number, ms: number, cpu: number }} Span What some tasks took; `cpu` in µs of this process */

export class Tally {
  #count = 0;
  #from = 0;
  #to = 0;
  #began = 0;
  #cpu = process.cpuUsage();
  /** @type {(span: Span) => void} */
  #done = () => undefined;

  /** One more task has run. */
  count() {
    this.#count += 1;
    if (this.#count === this.#from) this.#begin();
    if (this.#count === this.#to) this.#end();
  }

  /**
   * Takes the span from the task with the number `from` to the one with the number `to`, counted from now.
   *
   * @param {number} from
   * @param {number} to
   * @returns {Promise<Span>}
   */
  span(from, to) {
    this.#count = 0;
    this.#from = from;
    this.#to = to;
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  #begin() {
    this.#cpu = process.cpuUsage();
    this.#began = performance.now();
  }

  #end() {
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#done({
      tasks: this.#to - this.#from,
      ms: performance.now() - this.#began,
      cpu: user + system,
    });
  }
}
