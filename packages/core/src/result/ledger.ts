/** Reads what Redis knows of tasks: their outcomes, and the jobs that have none yet. */
import type { Ask } from '../broker/ask.js';
import { setMembers } from '../broker/portions.js';
import { followedKey, jobKey, lockKey, queuesKey, resultKey } from '../protocol/keys.js';
import type { Message } from '../protocol/message.js';
import { packOf } from '../protocol/pack.js';
import { type JobState, jobFields, jobStateOf } from './job-state.js';
import { findCall } from './packed-calls.js';

export type { JobState };

/** A task that someone waits for. */
export interface Sought {
  readonly id: string;
  /** The queue that has its message, where that is known. */
  readonly queue: string | undefined;
  /** Whether every queue is to be looked at. */
  readonly anywhere: boolean;
}

/** What is found of a task that someone waits for. */
export interface Sighting {
  /** Whether its message was looked for: while it is on its way, nobody knows where. */
  readonly isSought: boolean;
  /** The queue in which its message waits or runs. */
  readonly queue: string | undefined;
  /** The queue in which its job is kept, for it has failed. */
  readonly failedIn: string | undefined;
  /** Its record as JSON text. */
  readonly text: string | null;
}

/**
 * The jobs that may have a task. A packed call is looked for in its pack first: from there it may go
 * into a message of its own.
 */
const jobsOf = (id: string): readonly string[] => [...new Set([packOf(id), id])];

/** What results read. */
export interface ResultLedger {
  /** The outcome of a task as JSON text; `null` where there is none. */
  read(id: string): Promise<string | null>;
  /** Finds the message of a task, in its queue or, where that is not known, in every queue. */
  findJob(id: string, queue?: string): Promise<JobState | undefined>;
  /** When a task is due that waits for its next run, in milliseconds since 1970. */
  dueAt(id: string, queue: string): Promise<number | undefined>;
  /** Whether nobody is to hear how a task ends; `undefined` where its message is gone. */
  isIgnored(id: string, queue: string): Promise<boolean | undefined>;
  /** Deletes outcomes; gives whether there was one. */
  forget(ids: readonly string[]): Promise<boolean>;
}

/** The reading side of results, on one server. */
export class Ledger implements ResultLedger {
  readonly #ask: Ask;
  readonly #prefix: string;

  constructor(ask: Ask, prefix: string) {
    this.#ask = ask;
    this.#prefix = prefix;
  }

  /** The outcome of a task as JSON text; `null` where there is none. */
  read(id: string): Promise<string | null> {
    return this.#ask(`the result of task ${id} was not read`, (connection) =>
      connection.get(resultKey(this.#prefix, id)),
    );
  }

  /**
   * Looks at tasks that someone waits for. In this order, message first and outcome second, a task
   * that ends in between is not missed: its outcome is stored before its message goes.
   */
  async lookFor(tasks: readonly Sought[]): Promise<Sighting[]> {
    const what = 'results were not read';
    const names = tasks.some(({ anywhere }) => anywhere) ? await this.queues() : [];
    const places = tasks.map(({ id, queue, anywhere }) => {
      const own = queue === undefined ? [] : [queue];
      const queues = anywhere ? [...new Set([...own, ...names])] : own;
      return queues.flatMap((each) => jobsOf(id).map((job) => ({ job, queue: each })));
    });
    const replies = await this.#pipeline<(string | null)[] | string | null>(
      what,
      tasks.flatMap(({ id }, index) => [
        ...(places[index] ?? []).map(({ job, queue }) => [
          'hmget',
          jobKey(this.#prefix, queue, job),
          'timestamp',
          'finishedOn',
        ]),
        ['get', resultKey(this.#prefix, id)],
      ]),
    );
    let next = 0;
    return tasks.map(({ id, queue: asked, anywhere }, index) => {
      let open: string | undefined;
      let failedIn: string | undefined;
      for (const { job, queue } of places[index] ?? []) {
        const [timestamp, finished] = replies[next++] as (string | null)[];
        if (timestamp === null) continue;
        // A job that has finished and is still there has failed; its outcome was there before.
        if (finished === null) open = queue;
        else if (job === id) failedIn = queue;
      }
      const text = (replies[next++] ?? null) as string | null;
      const isSought = asked !== undefined || anywhere;
      return { isSought, queue: open, failedIn: open === undefined ? failedIn : undefined, text };
    });
  }

  /** The names of the queues here. */
  queues(): Promise<string[]> {
    return this.#ask('the queues were not read', (connection) =>
      setMembers(connection, queuesKey(this.#prefix)),
    );
  }

  /** Finds the message of a task, in its queue or, where that is not known, in every queue. */
  async findJob(id: string, queue?: string): Promise<JobState | undefined> {
    const what = `the state of task ${id} was not read`;
    const queues = queue === undefined ? await this.queues() : [queue];
    const pairs = jobsOf(id).flatMap((job) => queues.map((each) => ({ job, queue: each })));
    const replies = await this.#pipeline<(string | null)[] | number>(
      what,
      pairs.flatMap(({ job, queue: each }) => [
        ['hmget', jobKey(this.#prefix, each, job), ...jobFields, ...(job === id ? [] : ['data'])],
        ['exists', lockKey(this.#prefix, each, job)],
      ]),
    );
    let inPack: JobState | undefined;
    for (const [index, { job, queue: found }] of pairs.entries()) {
      const values = replies[index * 2] as (string | null)[];
      const state = jobStateOf(values, found, replies[index * 2 + 1] === 1);
      if (!state) continue;
      // A call that has left its pack has a message of its own.
      if (job === id) return state;
      const call = findCall(job, values[jobFields.length] ?? '', id);
      if (call) inPack = { ...state, name: call.name };
    }
    return inPack;
  }

  /** When a task is due that waits for its next run, in milliseconds since 1970. */
  async dueAt(id: string, queue: string): Promise<number | undefined> {
    const score = await this.#ask(`the next run of task ${id} was not read`, (connection) =>
      connection.zscore(jobKey(this.#prefix, queue, 'delayed'), id),
    );
    // BullMQ has a count behind the time, in the last twelve bits.
    return score === null ? undefined : Math.floor(Number(score) / 0x1000);
  }

  /** Whether nobody is to hear how a task ends; `undefined` where its message is gone. */
  async isIgnored(id: string, queue: string): Promise<boolean | undefined> {
    const jobs = jobsOf(id);
    const texts = await this.#pipeline<string | null>(
      `the message of task ${id} was not read`,
      jobs.map((job) => ['hget', jobKey(this.#prefix, queue, job), 'data']),
    );
    for (const [at, job] of jobs.entries()) {
      const data = texts[at] ?? null;
      if (data === null) continue;
      if (job !== id) {
        const call = findCall(job, data, id);
        if (call) return call.ignoreResult === true;
        continue;
      }
      try {
        return (JSON.parse(data) as Message).ignoreResult === true;
      } catch {
        // The worker that takes it says what is wrong with it.
        return undefined;
      }
    }
    return undefined;
  }

  /** Has workers tell of every task that ends, for `time` milliseconds. */
  async follow(time: number): Promise<void> {
    await this.#ask('results of other processes are not followed', (connection) =>
      connection.set(followedKey(this.#prefix), '', 'PX', time),
    );
  }

  /** Deletes an outcome; gives whether there was one. */
  async forget(ids: readonly string[]): Promise<boolean> {
    const replies = await this.#pipeline<number>(
      'results were not forgotten',
      ids.map((id) => ['del', resultKey(this.#prefix, id)]),
    );
    return replies.includes(1);
  }

  /** One command for each key: in a cluster the keys live in different places. */
  #pipeline<R>(what: string, commands: (string | number)[][]): Promise<R[]> {
    return this.#ask(what, async (connection) => {
      const replies = await connection.pipeline(commands).exec();
      return (replies ?? []).map(([error, reply]) => {
        if (error) throw error;
        return reply as R;
      });
    });
  }
}
