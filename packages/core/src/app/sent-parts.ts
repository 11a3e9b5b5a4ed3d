/** What is remembered of the parts of a group that a generator produces. */
import type { Step, TaskStep } from '../protocol/step.js';

/** Of a million calls of one task it remembers one, and how many there were. */
export class SentParts {
  readonly #id: string;
  readonly #others = new Map<number, Step>();
  #first: TaskStep | undefined;
  #count = 0;

  /** @param id the group's, of which the ids of its parts are made */
  constructor(id: string) {
    this.#id = id;
  }

  /** How many parts there were so far. */
  get count(): number {
    return this.#count;
  }

  /** @param isAsked whether anyone may ask for its result */
  add(step: Step, isAsked: boolean): void {
    const at = this.#count;
    this.#count += 1;
    if (!isAsked) return;
    if ('task' in step) {
      const { task, id, options } = step;
      this.#first ??= { task, id, ...(options && { options }) };
      if (id === `${this.#id}-${at}` && isLike(this.#first, step)) return;
    }
    this.#others.set(at, step);
  }

  /** The parts, as far as their results need to know them. */
  steps(): Step[] {
    return Array.from(
      { length: this.#count },
      (_, at) => this.#others.get(at) ?? { ...(this.#first as TaskStep), id: `${this.#id}-${at}` },
    );
  }
}

/** Whether the results of two calls are looked for in the same way. */
const isLike = (one: TaskStep, other: TaskStep): boolean =>
  one.task === other.task &&
  one.options?.queue === other.options?.queue &&
  one.options?.ignoreResult === other.options?.ignoreResult;
