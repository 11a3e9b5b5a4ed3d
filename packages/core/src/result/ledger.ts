/** Reads what Redis knows of tasks: their outcomes, and the jobs that have none yet. */
import type { Ask } from '../broker/ask.js';
import { followedKey, jobKey, lockKey, queuesKey, resultKey } from '../protocol/keys.js';
import type { TaskState } from '../protocol/outcome.js';
import type { Message } from '../protocol/message.js';
import { packOf } from '../protocol/pack.js';
import { findCall } from './packed-calls.js';

/** A task without an outcome, as its job shows it. */
export interface JobState {
  readonly queue: string;
  readonly state: TaskState;
  readonly name: string | undefined;
  /** Why it failed, in BullMQ's record. */
  readonly reason: string | undefined;
}

/** What is found of a task that someone waits for. */
export interface Sighting {
  /** The task has neither a message in the queue that had it nor an outcome. */
  readonly gone: boolean;
  /** Its outcome as JSON text. */
  readonly text: string | null;
}

const fields = ['name', 'atm', 'timestamp', 'finishedOn', 'failedReason'] as const;
const packFields = [...fields, 'data'] as const;

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
  async lookFor(tasks: readonly { id: string; queue: string | undefined }[]): Promise<Sighting[]> {
    const jobs = tasks.map(({ id }) => jobsOf(id));
    const commands = tasks.flatMap(({ id, queue }, index) => [
      ...(jobs[index] ?? []).map((job) => [
        'hmget',
        jobKey(this.#prefix, queue ?? '', job),
        'timestamp',
        'finishedOn',
      ]),
      ['get', resultKey(this.#prefix, id)],
    ]);
    const replies = await this.#pipeline<(string | null)[] | string | null>(
      'results were not read',
      commands,
    );
    let next = 0;
    return tasks.map(({ queue }, index) => {
      const found = jobs[index]?.map(() => replies[next++] as (string | null)[]) ?? [];
      const text = (replies[next++] ?? null) as string | null;
      // A job that has finished and is still there has failed; its outcome was there before.
      const over = found.every(([waits, finished]) => waits === null || finished !== null);
      return { gone: queue !== undefined && over && text === null, text };
    });
  }

  /** Finds the message of a task, in its queue or, where that is not known, in every queue. */
  async findJob(id: string, queue?: string): Promise<JobState | undefined> {
    const what = `the state of task ${id} was not read`;
    const queues =
      queue === undefined
        ? await this.#ask(what, (connection) => connection.smembers(queuesKey(this.#prefix)))
        : [queue];
    const pairs = jobsOf(id).flatMap((job) => queues.map((each) => ({ job, queue: each })));
    const replies = await this.#pipeline<(string | null)[] | number>(
      what,
      pairs.flatMap(({ job, queue: each }) => [
        ['hmget', jobKey(this.#prefix, each, job), ...(job === id ? fields : packFields)],
        ['exists', lockKey(this.#prefix, each, job)],
      ]),
    );
    let inPack: JobState | undefined;
    for (const [index, { job, queue: found }] of pairs.entries()) {
      const [name, attempts, timestamp, finished, reason, data] = replies[index * 2] as (
        | string
        | null
      )[];
      if (timestamp === null || timestamp === undefined) continue;
      const call = job === id ? { name } : findCall(job, data ?? '', id);
      if (!call) continue;
      const state = jobState(
        replies[index * 2 + 1] === 1,
        Number(attempts ?? 0),
        (finished ?? null) !== null,
      );
      const known = {
        queue: found,
        state,
        name: call.name ?? undefined,
        reason: reason ?? undefined,
      };
      // A call that has left its pack has a message of its own.
      if (job === id) return known;
      inPack = known;
    }
    return inPack;
  }

  /** Whether nobody is to hear how a task ends; `undefined` where its message is gone. */
  async isIgnored(id: string, queue: string): Promise<boolean | undefined> {
    const data = await this.#ask(`the message of task ${id} was not read`, (connection) =>
      connection.hget(jobKey(this.#prefix, queue, id), 'data'),
    );
    try {
      return data === null ? undefined : (JSON.parse(data) as Message).ignoreResult === true;
    } catch {
      // The worker that takes it says what is wrong with it.
      return undefined;
    }
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

/** A job that is kept after its end has failed: others are removed. */
function jobState(locked: boolean, attempts: number, finished: boolean): TaskState {
  if (locked) return 'STARTED';
  if (finished) return 'FAILURE';
  return attempts > 0 ? 'RETRY' : 'PENDING';
}
