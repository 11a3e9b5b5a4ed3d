/** Puts off tasks that may not start yet: by their rate, or because enough of them run. */
import type { App, RateLimit } from '@dtask/core';
import {
  bullQueueName,
  checkKey,
  type Definition,
  jobKey,
  type LimitOverride,
  limitedKey,
  lockKey,
  type Message,
  placesKey,
  rateInterval,
  turnKey,
  markFields,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { type Backend, careful } from '../backend.js';
import { bullmq } from '../bullmq.js';
import type { Current } from '../current.js';
import { setFields } from '../held-job.js';
import type { Links } from '../links.js';
import type { WorkerLog } from '../log.js';
import { marksOf } from '../marks.js';
import type { Refusals } from '../refusals.js';
import { underLock } from '../under-lock.js';
import { Places, waitingKey } from './places.js';
import { LocalTurns, takeTurn } from './turn.js';

/** What limits need of their worker. */
export interface LimitsPlace {
  readonly app: App;
  readonly links: Links;
  readonly log: WorkerLog;
  readonly aside: Refusals;
  /** Limits that were changed at run time, by the task's name. */
  readonly overrides: ReadonlyMap<string, LimitOverride>;
}

/** Who waits for a place looks again after this time, should nobody have told it, in milliseconds. */
const longestWait = 3_600_000;
/** How often a worker looks for places whose holder has died, in milliseconds. */
const sweepInterval = 2_000;
/** A place that was taken so long ago may be looked at, in milliseconds: its task had time to be locked. */
const settled = 10_000;
/** For how long no other worker looks: a little less, so that the next look is not missed. */
const sweepClaim = sweepInterval - 200;
/** Most limits that one sweep looks at, and how many at a time. */
const mostSwept = 1_000;
const atOnce = 50;
/** Most holders of a limit, or of those who wait for a place, that are asked for at a time. */
const portion = 1_000;

/** The job of somebody who has a place, or waits for one. */
function placeOf(who: string): { queue: string; id: string } {
  const at = who.indexOf('|');
  return { queue: who.slice(0, at), id: who.slice(at + 1) };
}

/** Gives a place back. */
export type Leave = () => Promise<void>;

/** What a call's limits are counted by. */
export interface LimitKeys {
  readonly rate: string | undefined;
  readonly concurrency: string | undefined;
}

/** @throws what the key functions of the task throw; ConfigError when they give no text */
export function keysOf({ name, args }: Message, { execution }: Definition): LimitKeys {
  const { rate, concurrency } = execution.limits;
  return {
    rate: rate?.key && checkKey(name, 'rateLimitKey', rate.key(...args)),
    concurrency: concurrency?.key && checkKey(name, 'concurrencyKey', concurrency.key(...args)),
  };
}

/** The limits of a worker's tasks. */
export class Limits {
  readonly #place: LimitsPlace;
  readonly #places: Places;
  readonly #local = new LocalTurns();
  readonly #backends = new Map<Redis, Map<string, Backend>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(place: LimitsPlace) {
    this.#place = place;
    this.#places = new Places(place.links.main.connection, limitedKey(place.links.main.prefix));
  }

  /** Begins to look after places whose holder has died. */
  start(definitions: readonly Definition[]): void {
    if (!definitions.some(({ execution }) => execution.limits.concurrency)) return;
    this.#timer = setInterval(() => void this.#sweep(), sweepInterval).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Forgets the turns of a task on this worker: its rate has changed. */
  forgetTurns(task: string): void {
    this.#local.forget(turnKey(this.#place.links.main.prefix, task));
  }

  /** The rate of a task that remote control has set. */
  #rateSet(task: string): RateLimit | undefined {
    const { overrides } = this.#place;
    return overrides.size === 0 ? undefined : overrides.get(task)?.rateLimit;
  }

  /** Whether a task has any. */
  limits(name: string, { execution }: Definition): boolean {
    const { rate, concurrency } = execution.limits;
    return rate !== undefined || concurrency !== undefined || this.#rateSet(name) !== undefined;
  }

  /**
   * Lets a task start, or puts it off.
   *
   * @returns what gives its place back when it has ended, where it has one
   * @throws DelayedError where it was put off: its job waits in Redis
   */
  async admit(
    current: Current,
    message: Message,
    definition: Definition,
    keys: LimitKeys,
  ): Promise<Leave | undefined> {
    const { rate, concurrency } = definition.execution.limits;
    const set = this.#rateSet(message.name);
    const interval = set === undefined ? (rate?.interval ?? 0) : rateInterval(set);
    const { job, source: queue } = current;
    const { admitted, entered } = marksOf(job);
    const isLimited = interval > 0 && entered !== job.attemptsMade;
    if (isLimited) {
      const hasTurn = admitted === job.attemptsMade;
      const key = turnKey(this.#place.links.main.prefix, message.name, keys.rate);
      const wait =
        rate?.scope === 'worker'
          ? this.#local.take(key, interval, hasTurn)
          : await this.#surely(current, () =>
              takeTurn(this.#place.links.main, message.name, key, interval, hasTurn),
            );
      if (wait > 0) return this.#putOff(current, wait);
    }
    if (!concurrency) return undefined;
    const { max } = concurrency;
    const holders = placesKey(this.#place.links.main.prefix, message.name, keys.concurrency);
    const who = `${queue}|${message.id}`;
    const taken = await this.#surely(current, () =>
      this.#places.take(holders, who, max, job.priority),
    );
    if (taken > 0) return () => this.#leave(holders, who, max, taken);
    // Its start is not given up while it waits for a place.
    if (isLimited) await this.#mark(current, 'admitted', 'entered');
    await this.#delay(current, longestWait);
    // A place may have become free before it was where it can be called from. Where this fails, a sweep
    // does it.
    await this.#leave(holders, '', max).catch((error: unknown) => this.#unswept(error));
    throw new bullmq.DelayedError();
  }

  #surely<R>({ job }: Current, work: () => Promise<R>): Promise<R> {
    return this.#place.aside.insist(job.id ?? '', "what a task's limits need", work);
  }

  async #putOff(current: Current, wait: number): Promise<never> {
    await this.#mark(current, 'admitted');
    await this.#delay(current, wait);
    throw new bullmq.DelayedError();
  }

  async #delay(current: Current, wait: number): Promise<void> {
    const { job, source: queue, lock } = current;
    await underLock(lock, this.#place.aside, 'to put a task off', () =>
      job.moveToDelayed(Date.now() + Math.ceil(wait), lock.token),
    );
    // Or whoever waits for it would hear of it when its time comes.
    if (current.revoked !== undefined) await this.#promote(queue, job.id ?? '');
  }

  /** Notes that this attempt has its turn, and that it has come to it. */
  async #mark(
    { source, job, lock }: Current,
    ...marks: readonly ('admitted' | 'entered')[]
  ): Promise<void> {
    const { links, aside: refusals } = this.#place;
    const { connection } = links.at(source, job.id ?? '');
    const fields = marks.flatMap((mark) => [markFields[mark], job.attemptsMade]);
    await setFields({ connection, refusals }, lock, fields);
  }

  /** Gives a place back, and calls those who may have one now. */
  async #leave(holders: string, who: string, max: number, taken?: number): Promise<void> {
    let next = await this.#places.leave(holders, who, max, taken);
    const passed = new Set<string>();
    while (next.length > 0) {
      const called = await Promise.all(next.map((waiting) => this.#call(waiting)));
      if (!called.includes(false)) return;
      // Those whose server is away keep no others from their turn; and once is enough.
      for (const waiting of next.filter((one) => this.#isAway(one))) {
        if (passed.has(waiting)) return;
        passed.add(waiting);
        await this.#places.defer(holders, waiting);
      }
      await this.#forgetGone(holders);
      next = await this.#places.leave(holders, '', max);
    }
  }

  /** Has a job that waits for a place look again; gives whether there is such a job. */
  async #call(waiting: string): Promise<boolean> {
    if (this.#isAway(waiting)) return false;
    const { queue, id } = placeOf(waiting);
    if (await this.#promote(queue, id)) return true;
    // It has been called already, or runs; or it was revoked, and stands in line for nothing.
    return this.#isThere(queue, id);
  }

  /** Whether the server of somebody who waits is not there; without shards it is the one that says so. */
  #isAway(waiting: string): boolean {
    const { links } = this.#place;
    if (!links.several) return false;
    const { queue, id } = placeOf(waiting);
    return links.at(queue, id).connection.status !== 'ready';
  }

  /** Gives whether the job was put off, and is not any more. */
  async #promote(queue: string, id: string): Promise<boolean> {
    try {
      await this.#backend(queue, id).promote(id);
      return true;
    } catch (error) {
      this.#place.log.debug({ queue, id, err: error }, 'a task was not called: it is on its way');
      return false;
    }
  }

  /** Takes those at the head of a line out of it that were revoked meanwhile, however many. */
  async #forgetGone(holders: string): Promise<void> {
    const { connection } = this.#place.links.main;
    for (;;) {
      const line = await connection.zrange(waitingKey(holders), 0, portion - 1);
      const there = await Promise.all(
        line.map((waiting) => {
          const { queue, id } = placeOf(waiting);
          return this.#isThere(queue, id);
        }),
      );
      const gone = line.filter((_, at) => !there[at]);
      if (gone.length > 0) await connection.zrem(waitingKey(holders), ...gone);
      if (gone.length < line.length || line.length === 0) return;
    }
  }

  /** Whether a job is in its queue; one whose server is away may be. */
  async #isThere(queue: string, id: string): Promise<boolean> {
    const { connection, prefix } = this.#place.links.at(queue, id);
    if (connection.status !== 'ready') return true;
    return (await connection.exists(jobKey(prefix, queue, id))) === 1;
  }

  #backend(queue: string, id: string): Backend {
    const { connection, prefix } = this.#place.links.at(queue, id);
    let backends = this.#backends.get(connection);
    if (!backends) this.#backends.set(connection, (backends = new Map()));
    let backend = backends.get(queue);
    if (!backend) {
      const options = { connection, prefix, skipVersionCheck: true };
      backend = careful(bullQueueName(queue), options);
      backend.on('error', () => undefined);
      backends.set(queue, backend);
    }
    return backend;
  }

  /** Frees the places of tasks whose worker has died, and calls those who were not called. */
  async #sweep(): Promise<void> {
    const { connection, prefix: main } = this.#place.links.main;
    if (connection.status !== 'ready') return;
    const limited = limitedKey(main);
    try {
      // One worker does it for all.
      const claim = await connection.set(`${limited}:swept`, '1', 'PX', sweepClaim, 'NX');
      if (claim === null) return;
      const entries = await connection.zrange(limited, 0, mostSwept - 1);
      for (let from = 0; from < entries.length; from += atOnce)
        await Promise.all(entries.slice(from, from + atOnce).map((entry) => this.#look(entry)));
    } catch (error) {
      this.#unswept(error);
    }
  }

  #unswept(error: unknown): void {
    this.#place.log.debug({ err: error }, 'limits were not swept; the next sweep does it');
  }

  async #look(entry: string): Promise<void> {
    const at = entry.lastIndexOf(' ');
    const [holders, max] = [entry.slice(0, at), Number(entry.slice(at + 1))];
    await this.#freeDead(holders);
    await this.#leave(holders, '', max);
    await this.#places.swept(holders, entry);
  }

  async #freeDead(holders: string): Promise<void> {
    const { connection } = this.#place.links.main;
    const [seconds] = (await connection.time()) as unknown as [string];
    const until = Number(seconds) * 1_000 - settled;
    for (let from = 0, read = portion; read === portion;) {
      const limit = ['LIMIT', from, portion] as const;
      const found = await connection.zrangebyscore(holders, 0, until, 'WITHSCORES', ...limit);
      read = found.length / 2;
      const old = Array.from(
        { length: read },
        (_, at) => found.slice(2 * at, 2 * at + 2) as [string, string],
      );
      const dead = await Promise.all(old.map(([who]) => this.#isDead(who)));
      const gone = old.filter((_, at) => dead[at]);
      await this.#places.free(holders, gone);
      from += portion - gone.length;
    }
  }

  /** Whether nobody has the lock of a job; with its server away nobody knows. */
  async #isDead(who: string): Promise<boolean> {
    const { queue, id } = placeOf(who);
    const { connection, prefix } = this.#place.links.at(queue, id);
    if (connection.status !== 'ready') return false;
    return (await connection.exists(lockKey(prefix, queue, id))) === 0;
  }
}
