/** What Redis refuses of the commands by which a worker carries its tasks on: tried again until it is taken. */
import type { Redis } from 'ioredis';
import type { WorkerLog } from './log.js';
import type { TaskCounts } from './monitor/task-counts.js';

/** The first wait before a command that was refused is tried again, and the longest, in milliseconds. */
const waits = { first: 100, longest: 5_000 } as const;
/** Most ids in one line of the log. */
const mostIds = 100;

/** Thrown where what Redis refuses is not tried any more: the worker ends, and others find the task. */
export class GivenUp extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: given up, as the worker ends`, { cause });
    this.name = 'GivenUp';
  }
}

/** Whether an error is Redis' or the connection's, and says nothing against the command itself. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || 'code' in error) return false;
  if (error.message === connectionClosed) return true;
  return error.name === 'ReplyError' && !isOfOneTask(error);
}

/** Whether Redis stumbles over the data of one task, and would again: its other refusals are of all tasks. */
export function isOfOneTask(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ofOneKey.test(error.message) || isOfOneTask(error.cause);
}

/** What ioredis says of a command on a connection that has ended. */
const connectionClosed = 'Connection is closed.';

const ofOneKey = /^WRONGTYPE |^ERR .*user_script/;

/** What the refusals of a worker on one server need of it. */
export interface RefusalsPlace {
  readonly connection: Redis;
  readonly log: WorkerLog;
  /** Hears of each command that was refused. */
  readonly onRefused: () => void;
  /** What follows for the worker, as it is said to people. @default nothing */
  readonly meanwhile?: string;
}

/** How long a worker that stops tries again what Redis refuses, in milliseconds. */
const lastPatience = 10_000;

/**
 * Says once for each task that Redis refuses what it needs, and when that is over. While something is
 * refused no more tasks are taken: whoever cannot end tasks is to begin none.
 */
export class Refusals {
  readonly #place: RefusalsPlace;
  /** The ids of the tasks that wait, each with when it began to. */
  readonly #ids = new Map<string, number>();
  readonly #pauses = new Set<() => void>();
  #calm: (() => void)[] = [];
  #since = 0;
  #patience = Number.POSITIVE_INFINITY;
  #gaveUp = false;

  constructor(place: RefusalsPlace) {
    this.#place = place;
    place.connection.once('end', () => this.giveUp());
  }

  /** How many tasks wait for what Redis refuses. */
  get size(): number {
    return this.#ids.size;
  }

  /** Resolves when nothing is refused. */
  over(): Promise<void> {
    if (this.#ids.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#calm.push(resolve));
  }

  /**
   * Does something, as often as Redis refuses it.
   *
   * @param what it is, to people: 'the end of a task'
   * @param isRefused tells what may be tried again from what may not
   * @throws GivenUp (rejects) when the worker ends before Redis takes it; what is no refusal
   */
  async insist<R>(
    id: string,
    what: string,
    work: () => Promise<R>,
    isRefused: (error: unknown) => boolean = isRefusal,
  ): Promise<R> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const done = await work();
        if (attempt > 0) this.settled([id]);
        return done;
      } catch (error) {
        if (!isRefused(error)) {
          if (attempt > 0) this.settled([id]);
          throw error;
        }
        await this.pause([id], what, error, attempt);
      }
    }
  }

  /**
   * Notes that something was refused, and waits before it is tried again: each time longer.
   *
   * @throws GivenUp (rejects) when the worker ends
   */
  async pause(
    ids: readonly string[],
    what: string,
    error: unknown,
    attempt: number,
  ): Promise<void> {
    this.#place.onRefused();
    this.#say(ids, what, error);
    if (!this.#gaveUp) {
      const span = Math.min(waits.longest, waits.first * 2 ** Math.min(attempt, 10));
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          this.#pauses.delete(end);
          resolve();
        };
        // Not all of a fleet at the same moment.
        const timer = setTimeout(end, span * (0.75 + Math.random() / 2));
        this.#pauses.add(end);
      });
    }
    if (!this.#isLate(ids)) return;
    this.#sayLeft(ids);
    this.settled(ids, false);
    throw new GivenUp(what, error);
  }

  #isLate(ids: readonly string[]): boolean {
    if (this.#gaveUp) return true;
    const oldest = Math.min(...ids.map((id) => this.#ids.get(id) ?? Number.POSITIVE_INFINITY));
    return performance.now() - oldest > this.#patience;
  }

  #say(ids: readonly string[], what: string, error: unknown): void {
    const fresh = ids.filter((id) => !this.#ids.has(id));
    if (fresh.length === 0) return;
    const now = performance.now();
    if (this.#ids.size === 0) this.#since = now;
    for (const id of fresh) this.#ids.set(id, now);
    const { log, meanwhile = '' } = this.#place;
    log.warn(
      { err: error, count: fresh.length, ids: fresh.slice(0, mostIds) },
      `Redis does not take ${what}: tried again with growing waits${meanwhile}`,
    );
  }

  #sayLeft(ids: readonly string[]): void {
    this.#place.log.error(
      { count: ids.length, ids: ids.slice(0, mostIds) },
      'Redis did not take what these tasks need before the worker ended: other workers find them, and run them again where they may',
    );
  }

  /** What was refused is done, or is tried no more. */
  settled(ids: readonly string[], isDone = true): void {
    let known = 0;
    for (const id of ids) if (this.#ids.delete(id)) known += 1;
    if (known === 0 || this.#ids.size > 0) return;
    const ms = Math.round(performance.now() - this.#since);
    if (isDone) this.#place.log.info({ ms }, 'Redis takes what it had refused');
    const calm = this.#calm;
    this.#calm = [];
    for (const resolve of calm) resolve();
  }

  /** The worker stops: what is refused is tried for so much longer, and no more. */
  hurry(): void {
    this.#patience = lastPatience;
  }

  /** Tries nothing again any more: the worker ends. What was not taken is left to other workers. */
  giveUp(): void {
    this.#gaveUp = true;
    for (const end of this.#pauses) end();
  }
}

/** Those of a worker, counted among what it counts. */
export const refusalsOf = (
  connection: Redis,
  log: WorkerLog,
  counts: TaskCounts,
  meanwhile?: string,
): Refusals =>
  new Refusals({
    connection,
    log,
    onRefused: () => counts.refusedByRedis(),
    ...(meanwhile !== undefined && { meanwhile }),
  });
