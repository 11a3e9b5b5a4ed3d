/** How jobs end that have failed. */
import type { Job } from 'bullmq';
import { encodeOutcome, failureOf, type Outcome, reasonOf } from '@dtask/core/internal';

/** The longest message and the longest stack that BullMQ keeps, in characters, and how many stacks. */
const longest = 16_384;
const mostStacks = 11;

/** What BullMQ is told of a failed run. */
export class FailedRun extends Error {
  readonly #outcome: Outcome | undefined;

  /** @param outcome how the task has ended; absent where it runs again */
  constructor(thrown: unknown, outcome?: Outcome) {
    const failure = failureOf(thrown);
    super(reasonOf(failure).slice(0, longest));
    this.name = 'FailedRun';
    this.stack = (failure.stack ?? this.message).slice(0, longest);
    this.#outcome = outcome;
  }

  /** Whether the task has ended. */
  get isEnd(): boolean {
    return this.#outcome !== undefined;
  }

  /**
   * Has BullMQ keep the whole error with the job, whose record may be gone before the job is: in the
   * field `err`, which is written with the rest of the failure.
   */
  keepWith(job: Job): void {
    job.opts.stackTraceLimit = mostStacks;
    if (this.#outcome) outcomes.set(job, encodeOutcome(this.#outcome, Number.MAX_SAFE_INTEGER));
  }
}

const outcomes = new WeakMap<object, string>();

/** What a failed job keeps beside BullMQ's own fields. */
export function ownFields(job: object): { err?: string } {
  const err = outcomes.get(job);
  return err === undefined ? {} : { err };
}
