/** The failed store: the tasks that have failed for good, to look at, to retry, to drop. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { forEachPlace } from '../../broker/for-each-place.js';
import type { Shards } from '../../broker/shards.js';
import type { Flow } from '../../canvas/flow.js';
import { show } from '../../config/setting.js';
import { ConfigError, MessageRejectedError } from '../../errors.js';
import { partBy } from '../../part-by.js';
import { failedKey, jobKey, lockKey, resultKey, shownQueue } from '../../protocol/keys.js';
import { markFields } from '../../protocol/marks.js';
import { packOf } from '../../protocol/pack.js';
import { clearFailures, isFailure } from '../../result/clearing.js';
import { isPacked } from '../../result/packed-calls.js';
import type { Queues } from '../queues.js';
import { checkFilter, type Criteria, type FailedFilter } from './failed-filter.js';
import { type Head, headsOf } from './failed-heads.js';
import { extendHistory } from './failed-history.js';
import { moveBack, removeFailed, type Retrial } from './failed-moves.js';
import { type FailedJob, type FailedTask, readFailed } from './failed-task.js';

/** What a retry of many tasks led to. */
export interface RetryCount {
  /** How many went back to their queues. */
  readonly retried: number;
  /** How many stay and can only be dropped: their jobs are damaged, or were for a worker that is gone. */
  readonly damaged: number;
}

/** Heads read from Redis, and jobs judged by name and reason, at a time. */
const portion = 500;
/** Whole jobs read at a time: each may have a megabyte of arguments. */
const handful = 50;
/** How often, and at which interval in milliseconds, a task that is failing is looked for. */
const mostLooks = 50;
const soon = 20;
/** A retry that others get ahead of is tried this often. */
const mostTries = 3;

/**
 * The tasks that have failed for good and are kept. A worker keeps so many of each queue, for so
 * long: its settings `keepFailed` and `keepFailedFor`.
 */
export class Failed {
  readonly #shards: Shards;
  readonly #queues: Queues;
  readonly #flow: () => Flow;

  /** @internal */
  constructor(shards: Shards, queues: Queues, flow: () => Flow) {
    this.#shards = shards;
    this.#queues = queues;
    this.#flow = flow;
  }

  /**
   * Goes through the failed tasks, newest first. They are read as the loop goes on, some at a time:
   * a loop that is left early has not read the rest. A job that cannot be read is given with what
   * is wrong with it as `damaged`.
   *
   * @throws ConfigError when the filter is wrong; (in the loop) BrokerError when Redis does not answer
   * @example
   * ```ts
   * for await (const { id, task, error } of app.failed.list({ task: 'image.*', since: '1h' }))
   *   console.log(id, task, error.message);
   * ```
   */
  list(filter: FailedFilter = {}): AsyncGenerator<FailedTask, void, undefined> {
    return this.#list(checkFilter(filter, this.#now()));
  }

  /** The time of the servers that say when tasks have failed. */
  #now(): number {
    return this.#shards.moment.now;
  }

  async *#list(criteria: Criteria): AsyncGenerator<FailedTask, void, undefined> {
    for await (const jobs of this.#jobs(criteria)) for (const { task } of jobs) yield task;
  }

  /** How many failed tasks a filter picks. */
  async count(filter: FailedFilter = {}): Promise<number> {
    let count = 0;
    for await (const heads of this.#heads(checkFilter(filter, this.#now()))) count += heads.length;
    return count;
  }

  /** All that is known of a failed task; nothing where there is none with this id. */
  async show(id: string): Promise<FailedTask | undefined> {
    const [job] = await this.#read((await this.#find(id)).slice(0, 1));
    return job?.task;
  }

  /**
   * Puts a failed task back into its queue: with the same id and arguments, all its retries to come,
   * and without an expiry. Its result is awaited anew, by a new `app.result(id).get()`. What a canvas
   * has stopped for it goes on when it succeeds. What was broadcast goes back to every worker on which
   * it has failed.
   *
   * @returns whether it went back: of two calls at once, one gets `false`
   * @throws MessageRejectedError when it can only be dropped: its job is damaged, or was broadcast for
   *   a worker that is gone
   * @example
   * ```ts
   * await app.failed.retry('1f0c6b1e-9f5e-4d2a-8a53-0a5f9d6f2f4e');
   * const { retried } = await app.failed.retry({ task: 'mail.*', since: '2h' });
   * ```
   */
  retry(id: string): Promise<boolean>;
  /** Puts back all that a filter picks; `{}` is every failed task. Damaged ones are passed over. */
  retry(filter: FailedFilter): Promise<RetryCount>;
  retry(which: string | FailedFilter): Promise<boolean | RetryCount> {
    return typeof which === 'string' ? this.#retryOne(which) : this.#retryAll(which);
  }

  /**
   * Removes a failed task for good, and what was broadcast from all workers; gives whether there was
   * one. Its result is kept while it lasts.
   */
  drop(id: string): Promise<boolean>;
  /** Removes all that a filter picks, and gives how many; `{}` is every failed task. */
  drop(filter: FailedFilter): Promise<number>;
  async drop(which: string | FailedFilter): Promise<boolean | number> {
    if (typeof which === 'string') {
      return (await this.#drop(await this.#find(which))) > 0;
    }
    let dropped = 0;
    for await (const heads of this.#heads(checkFilter(which, this.#now())))
      dropped += await this.#drop(heads);
    return dropped;
  }

  async #drop(heads: readonly Head[]): Promise<number> {
    const parts = partBy(heads, ({ place }) => place);
    const dropped = await Promise.all(
      [...parts].map(([{ ask, prefix }, some]) =>
        ask('failed tasks were not dropped', (connection) =>
          removeFailed(connection, prefix, some),
        ),
      ),
    );
    return dropped.reduce((sum, count) => sum + count, 0);
  }

  async #retryOne(id: string): Promise<boolean> {
    const jobs = await this.#read(await this.#find(id));
    const whole = jobs.filter(({ message }) => message !== undefined);
    const damaged = jobs[0]?.task.damaged;
    if (whole.length > 0 || damaged === undefined) return (await this.#retry(whole)) > 0;
    throw new MessageRejectedError(`task ${id} cannot be retried: ${damaged}. It can be dropped`);
  }

  async #retryAll(filter: FailedFilter): Promise<RetryCount> {
    let retried = 0;
    let damaged = 0;
    for await (const jobs of this.#jobs(checkFilter(filter, this.#now()))) {
      const whole = jobs.filter(({ message }) => message !== undefined);
      damaged += jobs.length - whole.length;
      retried += await this.#retry(whole);
    }
    return { retried, damaged };
  }

  /**
   * What was told of a task is taken back before its message is there: whoever takes that finds no
   * end. A death in between leaves a failed task, which can be retried again.
   */
  async #retry(jobs: readonly FailedJob[], attempt = 1): Promise<number> {
    const waits = await Promise.all(jobs.map((job) => this.#takeBack(job)));
    const moved = await forEachPlace(
      jobs,
      ({ head }) => head.place,
      'failed tasks were not retried',
      (connection, { prefix }, some) =>
        moveBack(
          connection,
          prefix,
          some.map((one) => retrialOf(one, this.#now())),
        ),
    );
    const retried = moved.filter(Boolean).length;
    // Somebody came first, and by now it may have failed again and filled its place in a group,
    // which was freed since: it has to run, or nothing would ever fill it.
    const late = jobs.filter((_, index) => waits[index] === true && moved[index] === false);
    if (late.length === 0 || attempt === mostTries) return retried;
    return retried + (await this.#retry(await this.#readAgain(late), attempt + 1));
  }

  /** Clears a failure and what it has told; gives whether a place of a group waits for the task. */
  async #takeBack({ head: { queue, id }, message }: FailedJob): Promise<boolean> {
    if (!message) return false;
    const reopened = await this.#flow().reopen(message);
    const { told, waits } = reopened;
    const what = `the failure of task ${id} was not cleared`;
    for (const [{ ask, prefix }, some] of partBy(told, (one) => this.#shards.of(one))) {
      await ask(what, (connection) =>
        // What has a worker was run: it is an end of its own.
        clearFailures(connection, prefix, some, message.reply, ({ worker }) => !worker),
      );
    }
    await this.#flow().waitAgain(message, reopened);
    const { ask, prefix } = this.#shards.at(queue, id);
    await ask(what, (connection) => clearFailures(connection, prefix, [id], message.reply));
    return waits;
  }

  async #readAgain(jobs: readonly FailedJob[]): Promise<FailedJob[]> {
    const heads = await Promise.all(jobs.map(({ head }) => this.#find(head.id)));
    const found = await this.#read(heads.flat());
    return found.filter(({ message }) => message !== undefined);
  }

  /**
   * The failed job of an id; of a broadcast, those of all workers, the newest first. Whoever waits for
   * a task is told of its failure before it is kept.
   */
  async #find(id: string): Promise<Head[]> {
    if (typeof id !== 'string' || id === '')
      throw new ConfigError(`a failed task is named by its id, got ${show(id)}`);
    const queues = await this.#queues.sourcesAround([id]);
    for (let look = 1; ; look += 1) {
      const heads = await this.#lookFor(id, queues);
      if (heads.length > 0 || look === mostLooks) return heads;
      // It may have come between the two looks.
      if (!(await this.#fails(id, queues))) return this.#lookFor(id, queues);
      await pause(soon);
    }
  }

  /** Those of the queue with the newest, where several have one. */
  async #lookFor(id: string, queues: readonly string[]): Promise<Head[]> {
    const heads = await forEachPlace(
      queues,
      (queue) => this.#shards.at(queue, id),
      `failed task ${id} was not searched for`,
      (connection, place, some) =>
        Promise.all(
          some.map(async (queue) => {
            const at = await connection.zscore(failedKey(place.prefix, queue), id);
            return { place, queue, id, at: at ?? '' };
          }),
        ),
    );
    const found = heads
      .filter(({ at }) => at !== '')
      .toSorted((one, other) => Number(other.at) - Number(one.at));
    const newest = shownQueue(found[0]?.queue ?? '');
    return found.filter(({ queue }) => shownQueue(queue) === newest);
  }

  /**
   * Whether a worker is about to put a task among the failed ones. One that was packed fails in its
   * pack, and then has a message of its own that says so.
   */
  #fails(id: string, queues: readonly string[]): Promise<boolean> {
    const { ask, prefix } = this.#shards.of(id);
    const ids = new Set([id, packOf(id)]);
    return ask(`failed task ${id} was not searched for`, async (connection) => {
      const [text, ...signs] = await Promise.all([
        connection.get(resultKey(prefix, id)),
        ...queues.flatMap((queue) => [
          ...[...ids].map((one) => connection.exists(lockKey(prefix, queue, one))),
          ...(isPacked(id)
            ? [connection.hexists(jobKey(prefix, queue, id), markFields.ended)]
            : []),
        ]),
      ]);
      return text !== null && signs.includes(1) && isFailure(text);
    });
  }

  /** The jobs that a filter picks, a handful at a time. */
  async *#jobs(criteria: Criteria): AsyncGenerator<FailedJob[], void, undefined> {
    for await (const heads of this.#heads(criteria))
      for (let from = 0; from < heads.length; from += handful)
        yield await this.#read(heads.slice(from, from + handful));
  }

  /** What a filter picks, in portions. */
  async *#heads(criteria: Criteria): AsyncGenerator<Head[], void, undefined> {
    const { queue, fits, limit } = criteria;
    let left = limit;
    if (left === 0) return;
    const queues = await this.#queues.sources(queue === undefined ? undefined : [queue]);
    // Judging throws heads away, so that more have to be read.
    const size = fits ? portion : Math.min(portion, limit);
    const sources = queues.flatMap((name) =>
      this.#shards.having(name).map((place) => ({ place, queue: name })),
    );
    let some: Head[] = [];
    const pick = async (): Promise<Head[]> => {
      const picked = (fits ? await this.#judge(some, fits) : some).slice(0, left);
      left -= picked.length;
      some = [];
      return picked;
    };
    for await (const head of headsOf(sources, criteria, size)) {
      some.push(head);
      if (some.length < size) continue;
      yield await pick();
      if (left <= 0) return;
    }
    yield await pick();
  }

  async #judge(
    heads: readonly Head[],
    fits: NonNullable<Criteria['fits']>,
  ): Promise<readonly Head[]> {
    const found = await ofEach(heads, (connection, key) =>
      connection.hmget(key, 'name', 'failedReason'),
    );
    return heads.filter((_, index) => {
      const fields = found[index];
      if (fields instanceof Error) return fits('', fields.message);
      return fits(fields?.[0] ?? '', fields?.[1] ?? '');
    });
  }

  async #read(heads: readonly Head[]): Promise<FailedJob[]> {
    const found = await ofEach(heads, (connection, key) => connection.hgetall(key));
    const orphans = await this.#shards.orphans(heads.map(({ queue }) => queue));
    return heads.map((head, index) =>
      readFailed(head, found[index] ?? {}, orphans.has(head.queue)),
    );
  }
}

/** What each job tells of itself, or the error where that is damaged. */
const ofEach = <R>(
  heads: readonly Head[],
  read: (connection: Redis, key: string) => Promise<R>,
): Promise<(R | Error)[]> =>
  forEachPlace(
    heads,
    ({ place }) => place,
    'failed tasks were not read',
    (connection, { prefix }, some) =>
      Promise.all(
        some.map(({ queue, id }) => read(connection, jobKey(prefix, queue, id)).catch(damagedOnly)),
      ),
  );

/** A key that holds something else is one damaged job, and no more than that. */
function damagedOnly(error: Error): Error {
  if (error.message.startsWith('WRONGTYPE')) return error;
  throw error;
}

/** A retry says that the task is wanted now, whatever it said of its expiry. */
function retrialOf({ head, fields, message, task }: FailedJob, now: number): Retrial {
  let data = '';
  if (message?.expires !== undefined) {
    const { expires: _expires, ...rest } = JSON.parse(fields['data'] ?? '{}') as {
      expires?: number;
    };
    data = JSON.stringify(rest);
  }
  return { head, data, history: extendHistory(fields['hist'], task, now) };
}
