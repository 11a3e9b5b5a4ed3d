/** Sends what is due. */
import { type App, BrokerError } from '@dtask/core';
import {
  type BeatStore,
  type Dues,
  type EntryState,
  type Firing,
  isFinal,
  jobKey,
  parseOutcome,
  type Plan,
  type Plans,
  resultKey,
  type Stored,
  type Swap,
  tickId,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { WorkerLog } from '../log.js';
import { merge } from './merge.js';
import { Sends } from './sends.js';

/** What it needs of its beat. */
export interface DispatchPlace {
  readonly app: App;
  readonly connection: Redis;
  readonly store: BeatStore;
  readonly plans: Plans;
  readonly log: WorkerLog;
}

/** When an entry is looked at again with which something is wrong, in milliseconds. */
const patience = 60_000;
/**
 * How many ticks of an entry are acted upon before that is noted: five hundred entries with many
 * ticks each take longer than a claim holds.
 */
const atOnce = 10;
/** The same where Redis did not take what it sends. */
const breath = 1_000;

/** How a beat stands while it sends. */
export interface Watch {
  /** The server's time. */
  readonly now: number;
  /** Since when there have been beats all the while. */
  readonly since: number;
  /** Whether this one still has the lease, as far as it can know. */
  readonly leads: () => boolean;
}

/** What became of a tick: it was sent, or passed over for the task of this id. */
type Sent = { readonly to: Awaited<ReturnType<App['ticks']['send']>> } | { readonly past: string };

type Progress = { -readonly [K in keyof EntryState]: EntryState[K] };

/** Acts upon ticks. Done twice, by two beats even, it sends nothing twice: see `tickId`. */
export class Dispatcher {
  readonly #place: DispatchPlace;
  readonly #sends: Sends<Sent>;

  constructor(place: DispatchPlace) {
    this.#place = place;
    this.#sends = new Sends(place.app.queues.shards.places.length > 1);
  }

  /**
   * Sends what these entries are due, and notes it.
   *
   * @param names of the entries
   */
  async send(names: readonly string[], watch: Watch): Promise<void> {
    const { connection, store, log } = this.#place;
    const found = await store.some(connection, names);
    const whole = new Map(
      found.flatMap((one) => (one.isDamaged ? [] : [[one.name, one] as const])),
    );
    const lost = names.filter((name) => !whole.has(name));
    // Nobody can act upon them.
    if (lost.length > 0) {
      log.error({ entries: lost.slice(0, 10) }, 'entries are due whose state is gone or damaged');
      await connection.zrem(store.keys.due, ...lost);
      await this.#restore();
    }
    this.#sends.beginTurn();
    const swaps = await Promise.all(
      Array.from(whole.values(), (stored) => this.#act(stored, watch)),
    );
    const done = await store.swap(connection, swaps);
    const late = swaps.filter((_, at) => !done[at]);
    if (late.length > 0) await this.#join(late, whole);
  }

  /** Notes what was sent of entries that somebody changed meanwhile. */
  async #join(late: readonly Swap[], read: ReadonlyMap<string, Stored>): Promise<void> {
    const { connection, store } = this.#place;
    const names = late.map(({ name }) => name);
    const current = new Map((await store.some(connection, names)).map((one) => [one.name, one]));
    const again = late.flatMap(({ name, state }): Swap[] => {
      const [before, now] = [read.get(name), current.get(name)];
      // It was removed, or made anew.
      if (!state || !before || !now || now.state.born !== before.state.born) return [];
      // Another beat acted upon these ticks, and has noted it.
      if (now.state.ticks !== before.state.ticks) return [];
      return [{ name, from: now.text, state: merge(before.state, state, now.state) }];
    });
    // Changed once more, it is as if nobody had sent the tick: it is sent again, and runs once.
    await store.swap(connection, again);
  }

  /** Has the entries of the code written again: what was damaged in Redis is whole there. */
  async #restore(): Promise<void> {
    await this.#place.connection.del(this.#place.store.keys.applied);
  }

  async #act(stored: Stored, watch: Watch): Promise<Swap> {
    const { name, text, state } = stored;
    const { tick, fireAt } = state;
    const swap = { name, from: text };
    if (tick === undefined || fireAt === undefined || state.paused) return { ...swap, state };
    let plan: Plan | undefined;
    try {
      plan = this.#place.plans.of(stored);
      const due = { tick: new Date(tick), fireAt: new Date(fireAt) };
      const dues = plan.dues(due, watch.now, state.ticks, watch.since);
      return { ...swap, state: await this.#progress(stored, plan, dues, watch) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#place.log.error({ entry: name, err: error }, 'an entry cannot be acted upon');
      if (!plan && state.code !== undefined) await this.#restore();
      return { ...swap, state: { ...state, error: reason, notBefore: watch.now + patience } };
    }
  }

  async #progress(
    stored: Stored,
    plan: Plan,
    { send, leftOut, next }: Dues,
    { now, leads }: Watch,
  ): Promise<EntryState> {
    const { error: _error, tick: _tick, fireAt: _fireAt, notBefore: _held, ...rest } = stored.state;
    const state: Progress = rest;
    let following = send[atOnce] ?? next;
    for (const firing of send.slice(0, atOnce)) {
      // In order, and each looks at the one before.
      if (leads() && (await this.#fire(stored.name, plan, state, firing, now))) continue;
      following = firing;
      state.notBefore = now + breath;
      break;
    }
    state.missed += leftOut;
    if (leftOut > 0)
      this.#place.log.warn(
        { entry: stored.name, ticks: leftOut },
        'ticks were missed and left out',
      );
    if (!following) return state;
    return { ...state, tick: following.tick.getTime(), fireAt: following.fireAt.getTime() };
  }

  /** Acts upon one tick; gives false where that has to be done again. */
  async #fire(
    name: string,
    plan: Plan,
    state: Progress,
    { tick }: Firing,
    now: number,
  ): Promise<boolean> {
    const { app, log } = this.#place;
    const at = tick.getTime();
    const id = tickId([app.config.prefix, app.name, name], state.born, at);
    try {
      const sent = await this.#sends.send(id, () => this.#send(name, plan, state, id, tick, now));
      if (!sent) return false;
      if ('past' in sent) state.skipped += 1;
      else {
        state.runs += 1;
        state.lastTick = at;
        state.lastAt = now;
        state.lastId = sent.to.id;
        if (sent.to.queue === undefined) delete state.lastQueue;
        else state.lastQueue = sent.to.queue;
      }
    } catch (error) {
      if (error instanceof BrokerError) {
        log.warn({ entry: name, err: error }, 'not sent; it is tried again');
        return false;
      }
      // As in Celery: what one entry cannot send holds no other up.
      log.error({ entry: name, err: error }, 'not sent');
      state.error = error instanceof Error ? error.message : String(error);
    }
    state.ticks += 1;
    return true;
  }

  /** Sends one, unless the task before stands against it. What it changes of the state is up to its caller. */
  async #send(
    name: string,
    plan: Plan,
    state: EntryState,
    id: string,
    tick: Date,
    now: number,
  ): Promise<Sent> {
    const { app, log } = this.#place;
    const before = plan.overlap === 'queue' ? undefined : await this.#going(state, id, now);
    if (before !== undefined && plan.overlap === 'skip') {
      log.info({ entry: name, id: before }, 'skipped: the task of the tick before has not ended');
      return { past: before };
    }
    if (before !== undefined) await app.control.revoke(before, { reason: `replaced by ${id}` });
    const beat = { entry: name, tick: tick.toISOString() };
    const to = await app.ticks.send(plan, id, { beat });
    log.info({ entry: name, tick: beat.tick, id: to.id }, 'sent');
    return { to };
  }

  /** The task of the tick before, while it waits or runs; a tick that is sent again is not its own. */
  async #going(
    { lastId, lastQueue, lastAt = 0 }: EntryState,
    id: string,
    now: number,
  ): Promise<string | undefined> {
    if (lastId === undefined || lastId === id) return undefined;
    const { app } = this.#place;
    const { resultExpires } = app.config;
    const { ask, prefix } = app.queues.shards.of(lastId);
    const what = `the task ${lastId} of the tick before was not looked for`;
    const text = await ask(what, (connection) => connection.get(resultKey(prefix, lastId)));
    if (text !== null && hasEnded(text)) return undefined;
    // Of a canvas only the end is known: when no record can be left, it has ended.
    if (lastQueue === undefined)
      return resultExpires === 0 || now - lastAt < resultExpires ? lastId : undefined;
    // One that has failed stays for people to look at, whatever became of its result.
    const job = jobKey(prefix, lastQueue, lastId);
    const [made, ended] = await ask(what, (connection) =>
      connection.hmget(job, 'timestamp', 'finishedOn'),
    );
    return made != null && ended == null ? lastId : undefined;
  }
}

/** Whether a record says so; one that nobody can read says nothing. */
function hasEnded(text: string): boolean {
  try {
    return isFinal(parseOutcome(text).state);
  } catch {
    return false;
  }
}
