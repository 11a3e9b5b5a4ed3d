/** Sends the calls of a pack in messages of their own: for another run, or among the failed ones. */
import {
  addAgain,
  encodeMessage,
  type JobSink,
  markFields,
  type Message,
  openSink,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { readData } from '../held-job.js';
import { type JobLock, LockLost } from '../job-lock.js';
import type { Refusals } from '../refusals.js';
import { underLock } from '../under-lock.js';

/** What singles need of their worker. */
export interface SinglesPlace {
  /** To the server that has their packs. */
  readonly connection: Redis;
  /** First part of every key there. */
  readonly prefix: string;
  readonly refusals: Refusals;
}

/** What is known of a call that goes by itself. */
export interface Single {
  readonly message: Message;
  /** Other arguments, encoded. */
  readonly args?: readonly unknown[];
  readonly queue: string;
  /** That of its pack: without it nothing is sent. */
  readonly lock: JobLock;
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

/** Sends single calls of packs. */
export class Singles {
  readonly #place: SinglesPlace;
  readonly #sinks = new Map<string, Promise<JobSink>>();

  constructor(place: SinglesPlace) {
    this.#place = place;
  }

  /** The data of a pack, as they came. */
  read(lock: JobLock): Promise<string> {
    return readData(this.#place, lock);
  }

  /**
   * Sends a call; resolves when Redis has it. Its pack may not end before that, so it is tried for as
   * long as it takes: a worker that dies meanwhile leaves the pack to the next one. Sent twice, it is
   * there once.
   *
   * @throws LockLost (rejects) where somebody else has the pack; GivenUp when the worker ends
   */
  async send(single: Single): Promise<void> {
    const { message, args, lock } = single;
    // What can be encoded no more is no reason to try it again.
    const text = encodeMessage(message, Number.MAX_SAFE_INTEGER);
    const sent = args ? JSON.stringify({ ...(JSON.parse(text) as object), args }) : text;
    const { refusals } = this.#place;
    await underLock(lock, refusals, 'calls of a pack by themselves', async () => {
      if (await this.#add(single, sent)) return;
      if ((await lock.regain()) !== 'held') throw new LockLost(lock.job.id);
      await this.#add(single, sent);
    });
  }

  /** Gives false where the lock of the pack is not held. */
  async #add(single: Single, text: string): Promise<boolean> {
    const { message, queue, priority, lock } = single;
    const { delay = 0, attempts = 0, crashes = 0, why, ended } = single;
    const { connection, prefix } = this.#place;
    let sink = this.#sinks.get(queue);
    if (!sink) {
      this.#sinks.set(queue, (sink = openSink(connection, prefix, queue)));
      sink.catch(() => this.#sinks.delete(queue));
    }
    return addAgain(connection, prefix, await sink, {
      id: message.id,
      name: message.name,
      text,
      queue,
      priority,
      delay,
      lock,
      turn: turnOf(attempts, ended),
      leavesRecord: !message.ignoreResult && ended === undefined,
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
