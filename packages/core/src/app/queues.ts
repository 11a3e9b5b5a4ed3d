/** Looks into queues and empties them, with what BullMQ has for that. */
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { AppConfig } from '../config/resolve.js';
import type { Place } from '../broker/ask.js';
import { bringAhead, findAhead } from '../broker/bring-ahead.js';
import { cleanQueue } from '../broker/clean-queue.js';
import { removeWaiting } from '../broker/remove-waiting.js';
import type { Shard, Shards } from '../broker/shards.js';
import { setMembers } from '../broker/portions.js';
import { partBy } from '../part-by.js';
import { bullQueueName, queuesKey, shownQueue } from '../protocol/keys.js';
import type { Message } from '../protocol/message.js';
import { encodeOutcome, type Outcome } from '../protocol/outcome.js';
import type { PlacedTask } from '../result/revocation.js';
import { settleOutcomes } from '../result/writer.js';
import { TaskRevokedError } from '../errors.js';
import { callsIn, isPacked, takePacked } from '../result/packed-calls.js';
import { readJob } from './waiting-job.js';

/** How many tasks of a queue are in each state. */
export interface QueueCounts {
  /** Wait for a worker. */
  readonly waiting: number;
  /** Wait for their time: countdown, eta, or the next retry. */
  readonly delayed: number;
  /** Run. */
  readonly active: number;
  /** Failed and kept. */
  readonly failed: number;
}

/** What is to be done about tasks that were taken out of their queues. */
export interface QueuesPlace {
  /** Does what follows one that was revoked. */
  readonly onRevoked: (message: Message, queue: string, outcome: Outcome) => Promise<void>;
  /** Deals out the turns of a task anew: some of its calls had one, and will not take it. */
  readonly recallTurns: (task: string) => Promise<void>;
}

/** Where a task waits that nobody has taken, as BullMQ names it. */
type WaitingState = 'wait' | 'prioritized' | 'delayed';

/** What goes with taking tasks out of a queue. */
interface Taking {
  /** Gets the names of those that have a turn by their rate, which they will not take. */
  readonly turns: Set<string>;
  /** Whether nobody knows where in the queue they are. */
  readonly sought?: boolean;
  /** Why they end, where somebody has said so. */
  readonly reason?: string | undefined;
}

/** How many tasks are removed at a time: Redis does nothing else meanwhile. */
const portion = 1_000;
/** How many messages a search reads at a time. */
const scanned = 1_000;

/** The queues of an App. */
export class Queues {
  /** The servers that they are on. @internal */
  readonly shards: Shards;
  readonly #config: AppConfig;
  readonly #place: QueuesPlace;

  /** @internal */
  constructor(shards: Shards, config: AppConfig, place: QueuesPlace) {
    this.shards = shards;
    this.#config = config;
    this.#place = place;
  }

  /** The names of the queues that were ever sent to or consumed, sorted. */
  names(): Promise<string[]> {
    return namesOn(this.shards.places);
  }

  /** Where messages are that were sent to some queues, or to any: `Shards.sources`. @internal */
  async sources(queues?: readonly string[]): Promise<readonly string[]> {
    return this.shards.sources(queues ?? (await this.names()));
  }

  /** Those that may have messages of these ids. @internal */
  async sourcesAround(ids: readonly string[]): Promise<readonly string[]> {
    return this.shards.sources(await namesOn(this.shards.around(ids)));
  }

  /** What the broker's server says of itself: the fields of Redis' `INFO`. */
  async server(): Promise<Record<string, string>> {
    const info = await this.shards.main.ask('the server was not asked', (connection) =>
      connection.info(),
    );
    const fields = info.split(/\r?\n/).map((line) => line.split(':'));
    return Object.fromEntries(
      fields.filter((field): field is [string, string] => field.length === 2),
    );
  }

  /** Counts the tasks of a queue, over all shards; of a broadcast queue, each worker's. */
  async counts(queue: string): Promise<QueueCounts> {
    const parts = await Promise.all(
      (await this.#partsOf(queue)).map(([shard, source]) => this.#countOn(shard, source)),
    );
    const [first] = parts;
    return parts.length === 1 && first ? first : parts.reduce(added);
  }

  async #partsOf(queue: string): Promise<(readonly [Shard, string])[]> {
    const sources = await this.sources([queue]);
    return sources.flatMap((source) =>
      this.shards.having(source).map((shard) => [shard, source] as const),
    );
  }

  #countOn(shard: Shard, queue: string): Promise<QueueCounts> {
    return withBull(shard, queue, 'counted', async (bull) => {
      const counts = await bull.getJobCounts('wait', 'prioritized', 'delayed', 'active', 'failed');
      const of = (state: string): number => counts[state] ?? 0;
      return {
        waiting: of('wait') + of('prioritized'),
        delayed: of('delayed'),
        active: of('active'),
        failed: of('failed'),
      };
    });
  }

  /**
   * Removes every task that has not started, and the failed ones that are kept; of a broadcast queue,
   * each worker's. Running tasks go on. Whoever waits for a removed task is told within seconds.
   *
   * @returns how many were removed
   */
  async purge(queue: string): Promise<number> {
    const turns = new Set<string>();
    const removed = await Promise.all(
      (await this.#partsOf(queue)).map(([shard, source]) => this.#purgeOn(shard, source, turns)),
    );
    await this.#recall(turns);
    return removed.reduce((sum, count) => sum + count, 0);
  }

  async #purgeOn(shard: Shard, queue: string, turns: Set<string>): Promise<number> {
    let removed = 0;
    for (const state of ['wait', 'prioritized', 'delayed', 'failed'] as const) {
      // In portions: removing a million at once would hold Redis for seconds.
      for (let some = portion; some === portion; removed += some) {
        const steps = state === 'failed' ? [] : await this.#stepsIn(shard, queue, state, turns);
        some = (await this.#removeFrom(shard, queue, steps, { turns })).length;
        if (some === portion) continue;
        some += await withBull(shard, queue, 'purged', (bull, connection) =>
          cleanQueue(bull, connection, state, portion - some),
        );
      }
    }
    return removed;
  }

  /**
   * Of the tasks that `clean` would remove, those that something follows, which has to be told.
   *
   * @param turns gets the names of the tasks that have a turn by their rate
   */
  #stepsIn(
    shard: Shard,
    queue: string,
    state: WaitingState,
    turns: Set<string>,
  ): Promise<string[]> {
    return withBull(shard, queue, 'purged', async (bull, connection) => {
      const ids = await bull.getRanges([state], 0, portion - 1, true);
      const jobs = await Promise.all(ids.map((id) => readJob(connection, shard, queue, id)));
      const steps = ids.filter((_, at) => {
        const job = jobs[at];
        if (job?.hasTurn) turns.add(job.message.name);
        const { next, link, linkError, once } = job?.message ?? {};
        // What may be sent twice is known by its record: without an end it would wait for ever.
        return next ?? link ?? linkError ?? once;
      });
      if (state === 'wait') await bringAhead(connection, bull.toKey(state), -portion, steps);
      return steps;
    });
  }

  /** Takes a task that has not started out of its queue: it ends as `REVOKED`. */
  async revoke(id: string, queue: string): Promise<boolean> {
    const sources = await this.sources([queue]);
    return (await this.remove(sources.map((source) => ({ id, queue: source })))) > 0;
  }

  /** Takes messages that wait out of their queues; gives how many. What follows them is told. */
  async remove(tasks: readonly PlacedTask[]): Promise<number> {
    return (await this.take(tasks)).length;
  }

  /** `remove`, and gives which. @internal */
  async take(tasks: readonly PlacedTask[], reason?: string): Promise<PlacedTask[]> {
    const taken: PlacedTask[] = [];
    const turns = new Set<string>();
    for (const [queue, some] of partBy(tasks, (task) => task.queue)) {
      for (const [shard, here] of partBy(some, ({ id }) => this.shards.at(queue, id))) {
        const ids = here.map(({ id }) => id);
        const gone = await this.#removeAll(shard, queue, ids, { turns, reason, sought: true });
        taken.push(...gone.map((id) => ({ id, queue })));
      }
    }
    // All that wait ask anew then: for the turn of a single one that would cost too much.
    if (taken.length > 1) await this.#recall(turns);
    return taken;
  }

  /** Turns that nobody takes would hold up what is sent later: for a week, where a thousand were given out. */
  async #recall(tasks: ReadonlySet<string>): Promise<void> {
    for (const task of tasks) await this.#place.recallTurns(task);
  }

  /**
   * Takes the messages for which `fits` holds out of a queue, of those that wait, however many; gives
   * how many. What follows them is told. @internal
   */
  async takeWhere(queue: string, fits: (message: Message) => boolean): Promise<number> {
    const turns = new Set<string>();
    let taken = 0;
    for (const shard of this.shards.having(queue)) {
      // Delayed ones first: one whose time comes meanwhile is met where it goes on to.
      for (const state of ['delayed', 'prioritized', 'wait'] as const)
        taken += await this.#sweep({ shard, queue, state }, fits, turns);
    }
    if (taken > 1) await this.#recall(turns);
    return taken;
  }

  /** The latest first: what workers take meanwhile then moves none out of the next portion. */
  async #sweep(
    { shard, queue, state }: { shard: Shard; queue: string; state: WaitingState },
    fits: (message: Message) => boolean,
    turns: Set<string>,
  ): Promise<number> {
    let taken = 0;
    let staying: string[] = [];
    for (let from = 0; ;) {
      // Looks back as well: what another one takes out meanwhile moves the rest up.
      const start = Math.max(0, from - scanned);
      const known = new Set(staying);
      const { ids, found } = await withBull(shard, queue, 'searched', async (bull, connection) => {
        const some = await bull.getRanges([state], start, from + scanned - 1);
        const fresh = some.filter((id) => !known.has(id));
        const jobs = await Promise.all(fresh.map((id) => readJob(connection, shard, queue, id)));
        const calls = jobs.flatMap((job) => (job ? callsIn(job.message) : [])).filter(fits);
        const fitting = calls.map(({ id }) => id);
        if (state === 'wait' && start > 0) {
          const whole = fitting.filter((id) => !isPacked(id));
          await bringAhead(connection, bull.toKey(state), start, whole);
        }
        return { ids: some, found: fitting };
      });
      const gone = new Set(await this.#removeAll(shard, queue, found, { turns }));
      taken += gone.size;
      if (ids.length < from + scanned - start) return taken;
      staying = ids.filter((id) => !gone.has(id));
      from = start + staying.length;
    }
  }

  /** The ids of the delayed tasks of a queue, in portions, the latest first. @internal */
  async *delayed(queue: string): AsyncGenerator<string[]> {
    for (const shard of this.shards.having(queue)) {
      for (let from = 0; ; from += scanned) {
        const ids = await withBull(shard, queue, 'searched', (bull) =>
          bull.getRanges(['delayed'], from, from + scanned - 1),
        );
        yield ids;
        if (ids.length < scanned) break;
      }
    }
  }

  /** Ends the wait of delayed tasks; those that wait no more are passed over. @internal */
  async promote(queue: string, ids: readonly string[]): Promise<void> {
    for (const [shard, some] of partBy(ids, (id) => this.shards.at(queue, id))) {
      await withBull(shard, queue, 'told to go on', (bull) =>
        Promise.all(
          some.map((id) =>
            bull.backend.promote(id).catch((error: unknown) => {
              if (typeof (error as { code?: unknown }).code !== 'number') throw error;
            }),
          ),
        ),
      );
    }
  }

  async #removeAll(
    shard: Shard,
    queue: string,
    ids: readonly string[],
    taking: Taking,
  ): Promise<string[]> {
    const removed: string[][] = [];
    for (let from = 0; from < ids.length; from += portion)
      removed.push(await this.#removeFrom(shard, queue, ids.slice(from, from + portion), taking));
    return removed.flat();
  }

  async #removeFrom(
    shard: Shard,
    queue: string,
    ids: readonly string[],
    { turns, reason, sought = false }: Taking,
  ): Promise<string[]> {
    const outcomeOf = (message: Message): Outcome =>
      revoked(message, this.shards.main.clock.now(), reason);
    const what = ids.length === 1 ? `searched for task ${ids[0]}` : 'searched for tasks';
    const { prefix } = shard;
    const packed = { prefix, keep: this.#config.resultExpires, outcomeOf };
    const messages = await withBull(shard, queue, what, async (bull, connection) => {
      const whole = ids.filter((id) => sought && !isPacked(id));
      await findAhead(connection, bull.toKey('wait'), whole);
      return Promise.all(
        ids.map(async (id) => {
          const job = await readJob(connection, shard, queue, id);
          // A running task is locked, and is not removed; one that has failed has ended already.
          if (!job || !(await removeWaiting(bull, connection, { prefix, queue, id })))
            return isPacked(id) ? takePacked(connection, { id, queue }, packed) : undefined;
          const { message, hasTurn } = job;
          if (hasTurn) turns.add(message.name);
          if (!message.ignoreResult)
            await this.#storeRevoked(connection, prefix, message, outcomeOf(message));
          return message;
        }),
      );
    });
    const removed = messages.filter((message) => message !== undefined);
    for (const message of removed)
      await this.#place.onRevoked(message, shownQueue(queue), outcomeOf(message));
    return removed.map(({ id }) => id);
  }

  #storeRevoked(
    connection: Redis,
    prefix: string,
    message: Message,
    outcome: Outcome,
  ): Promise<void> {
    const { maxPayload, resultExpires } = this.#config;
    const { id, reply, resultExpires: keep = resultExpires } = message;
    const text = encodeOutcome(outcome, maxPayload);
    return settleOutcomes(connection, prefix, [{ id, text, reply, keep }]);
  }
}

async function namesOn(places: readonly Place[]): Promise<string[]> {
  const names = await Promise.all(
    places.map(({ ask, prefix }) =>
      ask('the queues were not read', (connection) => setMembers(connection, queuesKey(prefix))),
    ),
  );
  return [...new Set(names.flat())].sort();
}

function withBull<R>(
  { ask, prefix }: Place,
  queue: string,
  done: string,
  work: (bull: Queue, connection: Redis) => Promise<R>,
): Promise<R> {
  return ask(`queue ${queue} was not ${done}`, async (connection) => {
    const bullmq = await import('bullmq');
    const bull = new bullmq.Queue(bullQueueName(queue), {
      connection,
      prefix,
      skipMetasUpdate: true,
      skipVersionCheck: true,
    });
    bull.on('error', () => undefined);
    try {
      return await work(bull, connection);
    } finally {
      await bull.close();
    }
  });
}

const added = (one: QueueCounts, other: QueueCounts): QueueCounts => ({
  waiting: one.waiting + other.waiting,
  delayed: one.delayed + other.delayed,
  active: one.active + other.active,
  failed: one.failed + other.failed,
});

function revoked(
  { id, name }: Message,
  at: number,
  reason = 'it was taken out of its queue',
): Outcome {
  const error = new TaskRevokedError(reason);
  return { id, task: name, state: 'REVOKED', error, at };
}
