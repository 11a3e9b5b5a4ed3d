/** The outcomes of a worker's tasks: made, stored, and read again. */
import {
  encodeOutcome,
  isFinal,
  leastTrace,
  type Message,
  type Outcome,
  OutcomeWriter,
  parseOutcome,
  resultKey,
} from '@dtask/core/internal';
import type { App } from '@dtask/core';
import type { Redis } from 'ioredis';
import type { TaskEvents } from './events/task-events.js';
import type { WorkerLog } from './log.js';
import type { TaskCounts } from './monitor/task-counts.js';

/** What outcomes need of their worker. */
export interface OutcomesPlace {
  readonly app: App;
  readonly worker: string;
  readonly connection: Redis;
  readonly prefix: string;
  readonly log: WorkerLog;
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

  constructor(place: OutcomesPlace) {
    this.#place = place;
    this.writer = new OutcomeWriter(place.connection, place.prefix, (error) =>
      place.log.warn({ err: error }, 'Redis refused a result'),
    );
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
      at: Date.now(),
      value,
      error,
      children,
    };
  }

  /** Stores a state that is not the last; resolves when that is on its way. */
  report(message: Message, outcome: Outcome): Promise<void> {
    this.store(message, outcome);
    this.#place.events.progress(message, outcome);
    return new Promise((resolve) => this.writer.follow(resolve));
  }

  /** The outcome is written ahead of what the job's end writes. */
  store(message: Message, outcome: Outcome): void {
    // What may be sent twice has to leave a trace.
    if (!message.ignoreResult || message.once || message.next) this.#write(message, outcome);
    this.#place.counts.settled(message.name, outcome.state);
  }

  #write(message: Message, outcome: Outcome): void {
    const { maxPayload, resultExpires } = this.#place.app.config;
    // An error is bounded by the codec, and its caller must hear of it.
    const limit = outcome.error === undefined ? maxPayload : Number.MAX_SAFE_INTEGER;
    this.writer.write({
      id: outcome.id,
      text: encodeOutcome(outcome, limit),
      reply: message.reply,
      keep: keepOf(message, message.resultExpires ?? resultExpires),
    });
  }

  /** The end of a task, where it is recorded. */
  async recorded(id: string): Promise<Outcome | undefined> {
    const { connection, prefix } = this.#place;
    const text = await connection.get(resultKey(prefix, id));
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
