/** Sends the calls of a pack in messages of their own: for another run, or among the failed ones. */
import { setTimeout as pause } from 'node:timers/promises';
import {
  addAgain,
  encodeMessage,
  type JobSink,
  markFields,
  type Message,
  openSink,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { WorkerLog } from '../log.js';

/** What singles need of their worker. */
export interface SinglesPlace {
  /** To the server that has their packs. */
  readonly connection: Redis;
  /** First part of every key there. */
  readonly prefix: string;
  readonly log: WorkerLog;
}

/** What is known of a call that goes by itself. */
export interface Single {
  readonly message: Message;
  readonly queue: string;
  readonly priority: number;
  /** Wait before it runs, in milliseconds. */
  readonly delay?: number;
  /** How many times it was tried, where it is to be tried again: it then waits for its turn anew. */
  readonly attempts?: number;
  /** How many times it has killed the process that it ran in. */
  readonly crashes?: number;
  /** Why it is tried again, as BullMQ keeps it: the reason, and the stack. */
  readonly why?: { readonly reason: string; readonly stack: string };
  /** The record of its failure, where it is not to run: whoever takes it keeps it as failed. */
  readonly ended?: string;
}

/** Wait between attempts while Redis does not take it, in milliseconds. */
const again = 1_000;

/** Sends single calls of packs. */
export class Singles {
  readonly #place: SinglesPlace;
  readonly #sinks = new Map<string, Promise<JobSink>>();

  constructor(place: SinglesPlace) {
    this.#place = place;
  }

  /**
   * Sends a call; resolves when Redis has it. Its pack may not end before that, so it is tried for as
   * long as it takes: a worker that dies meanwhile leaves the pack to the next one. Sent twice, it is
   * there once.
   */
  async send(single: Single): Promise<void> {
    const { log } = this.#place;
    for (;;) {
      try {
        return await this.#add(single);
      } catch (error) {
        // The worker has ended: whoever finds the pack without one goes on.
        if (this.#place.connection.status === 'end') throw error;
        const { name: task, id } = single.message;
        log.warn({ task, id, err: error }, 'a call of a pack was not sent by itself; tried again');
        await pause(again);
      }
    }
  }

  async #add({
    message,
    queue,
    priority,
    delay = 0,
    attempts = 0,
    crashes = 0,
    why,
    ended,
  }: Single): Promise<void> {
    const { connection, prefix } = this.#place;
    let sink = this.#sinks.get(queue);
    if (!sink) this.#sinks.set(queue, (sink = openSink(connection, prefix, queue)));
    await addAgain(connection, prefix, await sink, {
      id: message.id,
      name: message.name,
      text: encodeMessage(message, Number.MAX_SAFE_INTEGER),
      queue,
      priority,
      delay,
      turn: turnOf(attempts, ended),
      fields: [
        ...(attempts > 0 ? ['atm', attempts] : []),
        ...(why ? ['failedReason', why.reason, 'stacktrace', JSON.stringify([why.stack])] : []),
        ...(crashes > 0 ? [markFields.crashes, crashes] : []),
        ...(ended === undefined ? [] : [markFields.ended, ended]),
      ],
    });
  }
}

/** What has not run yet keeps the place that its pack had; what has ended is to be kept at once. */
function turnOf(attempts: number, ended: string | undefined): 'last' | 'first' | 'next' {
  if (ended !== undefined) return 'next';
  return attempts > 0 ? 'last' : 'first';
}
