/** A task that waits for others like it, and then runs with them. */
import { TaskRevokedError } from '@dtask/core';
import type { Definition, Message } from '@dtask/core/internal';
import type { Current } from '../current.js';
import type { Performance } from '../pool/pool.js';
import type { Report } from '../report.js';
import type { Run } from '../run.js';

/** What a member needs of the gathering that it is in. */
export interface MemberPlace {
  /** The slot that it gave back while it waited. */
  readonly takeBack: () => void;
  /** Hears that it has ended before the others. */
  readonly onLeft: (member: Member, report: Report) => void;
  /** Its own context, for hooks. */
  readonly contextOf: (member: Member) => Run;
}

/** One call of a gathering, to its worker: a task that runs. */
export class Member implements Performance {
  readonly report: Promise<Report>;
  readonly current: Current;
  readonly message: Message;
  readonly definition: Definition;
  /** The tasks that the run called. */
  children: readonly string[] | undefined;
  /** How long the run took, in milliseconds. */
  took = 0;
  /** Whether another task has its slot. */
  lent = false;
  settled = false;
  readonly #place: MemberPlace;
  #resolve: (report: Report) => void = () => undefined;
  #running: Performance | undefined;
  #aborted: Error | undefined;

  constructor(current: Current, message: Message, definition: Definition, place: MemberPlace) {
    this.current = current;
    this.message = message;
    this.definition = definition;
    this.#place = place;
    this.report = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get retries(): number {
    return this.current.job.attemptsMade;
  }

  get run(): Run {
    return this.#place.contextOf(this);
  }

  /** It runs, with the others. */
  begin(running: Performance): void {
    this.#running = running;
    if (this.#aborted) running.abort(this.#aborted, this.message.id);
  }

  /** The run has ended, and it waits for another. */
  rest(): void {
    this.#running = undefined;
  }

  abort(reason: Error): void {
    if (this.#running) this.#running.abort(reason, this.message.id);
    // There is no code yet that could hear of it.
    else if (reason instanceof TaskRevokedError)
      this.cut({ kind: 'revoked', by: { kind: 'revoked', reason: reason.message } });
    else this.#aborted = reason;
  }

  /** Ends it, and not the others: what it runs in is theirs as well. */
  cut(report: Report): void {
    if (this.settled) return;
    this.settle(report);
    this.#place.onLeft(this, report);
  }

  settle(report: Report): void {
    if (this.settled) return;
    this.settled = true;
    if (this.lent) {
      this.lent = false;
      this.#place.takeBack();
    }
    this.#resolve(report);
  }
}
