/** The outcomes of a worker's tasks: made, stored, and read again. */
import {
  clockOf,
  encodeOutcome,
  isFinal,
  leastTrace,
  type Message,
  type Outcome,
  parseOutcome,
  resultKey,
  type ServerClock,
} from '@dtask/core/internal';
import type { App } from '@dtask/core';
import type { Redis } from 'ioredis';
import type { Current } from './current.js';
import type { TaskEvents } from './events/task-events.js';
import type { TaskCounts } from './monitor/task-counts.js';
import { OutcomeWriter } from './outcome-writer.js';
import type { Refusals } from './refusals.js';
import { hasSequel } from './sequel.js';

/** What outcomes need of their worker. */
export interface OutcomesPlace {
  readonly app: App;
  readonly worker: string;
  readonly connection: Redis;
  readonly prefix: string;
  readonly refusals: Refusals;
  readonly events: TaskEvents;
  readonly counts: TaskCounts;
}

/** Who sends a tick again, or a step, must find that it has ended, however soon results expire. */
const keepOf = ({ once }: Message, expires: number): number =>
  once && expires > 0 ? Math.max(expires, leastTrace) : expires;

/** Stores what becomes of tasks. */
export class Outcomes {
  /** Writes the outcomes, and behind them what ends the jobs. */
  readonly writer: OutcomeWriter;
  readonly #place: OutcomesPlace;
  readonly #clock: ServerClock;

  constructor(place: OutcomesPlace) {
    this.#place = place;
    this.#clock = clockOf(place.connection);
    this.writer = new OutcomeWriter(place);
  }

  make(
    message: Message,
    state: string,
    retries: number,
    value?: unknown,
    error?: unknown,
    children?: readonly string[],
  ): Outcome {
    return {
      id: message.id,
      task: message.name,
      state,
      worker: this.#place.worker,
      retries: retries > 0 ? retries : undefined,
      at: this.#clock.now(),
      value,
      error,
      children,
    };
  }

  /** Stores a state that is not the last; resolves when that is on its way. */
  report(current: Current, message: Message, outcome: Outcome): Promise<void> {
    this.store(current, message, outcome);
    this.#place.events.progress(message, outcome);
    return new Promise((resolve) => this.writer.follow(resolve));
  }

  /**
   * The outcome is written ahead of what the job's end writes.
   *
   * @param always also where nobody asks for the result
   */
  store(current: Current, message: Message, outcome: Outcome, always = false): void {
    // What may be sent twice has to leave a trace, and what others follow: whoever gets the job of a
    // worker that has died goes on as that one did.
    if (always || !message.ignoreResult || message.once || hasSequel(message))
      this.#write(current, message, outcome);
    this.#place.counts.settled(message.name, outcome.state);
  }

  #write(current: Current, message: Message, outcome: Outcome): void {
    const { maxPayload, resultExpires } = this.#place.app.config;
    // An error is bounded by the codec, and its caller must hear of it.
    const limit = outcome.error === undefined ? maxPayload : Number.MAX_SAFE_INTEGER;
    this.writer.write({
      id: outcome.id,
      text: encodeOutcome(outcome, limit),
      reply: message.reply,
      keep: keepOf(message, message.resultExpires ?? resultExpires),
      lock: current.lock,
      job: current.lock,
      isEnd: isFinal(outcome.state) || outcome.state === 'REPLACED',
      owner: current,
    });
  }

  /**
   * Resolves when the end of a job is stored, and where none was written, when its lock is seen to hold.
   *
   * @throws LockLost (rejects) where somebody else has the job: nothing may follow then
   */
  async stored({ written, lock }: Current): Promise<void> {
    if (written?.isEnd) await this.writer.stored();
    else {
      const { id = '' } = lock.job;
      await this.#place.refusals.insist(id, 'the lock of a task', () => lock.regain());
    }
    lock.check();
  }

  /** The end of a task, where it is recorded. */
  async recorded(id: string): Promise<Outcome | undefined> {
    const { connection, prefix, refusals } = this.#place;
    const key = resultKey(prefix, id);
    const text = await refusals.insist(id, 'the record of a task', () => connection.get(key));
    if (text === null) return undefined;
    try {
      const outcome = parseOutcome(text);
      return isFinal(outcome.state) ? outcome : undefined;
    } catch {
      // A result that nobody can read is worth another run.
      return undefined;
    }
  }
}
