/** Sends the chunks of a map, hears how they end, and sends again what is to run again. */
import { setTimeout as pause } from 'node:timers/promises';
import { BrokerError, EncodeError, PayloadTooLargeError, TaskRevokedError } from '../errors.js';
import { Encoded } from '../protocol/encoded.js';
import type { Courier, Delivery, ParcelEnd } from './courier.js';
import { Durations } from './durations.js';
import { checkReply, type OrderSettings } from './order.js';
import { type Attempt, firstAttempt, type Part } from './part.js';
import type { Sizer } from './sizer.js';

/** What a dispatcher needs of its map. */
export interface DispatcherPlace {
  readonly courier: Courier;
  /** The task of the items. */
  readonly task: string;
  /** What ids begin with. */
  readonly base: string;
  readonly order: OrderSettings;
  /** Keep results, for a later run; they are deleted otherwise. */
  readonly keeps: boolean;
  /** When a chunk is sent a second time, in milliseconds; 0 is by the median. */
  readonly speculate: number | undefined;
  readonly sizer: Sizer;
  /** How many chunks an earlier run has sent. */
  readonly sentBefore: () => number;
  /** Every item of a chunk has ended. */
  readonly onEnd: (part: Part) => void;
  /** The map cannot go on. */
  readonly onError: (error: unknown) => void;
}

/** A message on its way, and maybe a copy of it. */
interface Flight {
  readonly part: Part;
  readonly attempt: Attempt;
  readonly text: string;
  /** How many items it has. */
  readonly count: number;
  readonly since: number;
  copies: Delivery[];
  over: boolean;
}

/** How often stragglers are looked for, and from when on something may be one, in milliseconds. */
const lookout = 100;
const shortest = 1_000;
const timesMedian = 4;
/** How long whoever leaves a map waits for its chunks to be revoked, in milliseconds. */
const patience = 5_000;

/** Sends chunks. */
export class Dispatcher {
  readonly #place: DispatcherPlace;
  readonly #flights = new Set<Flight>();
  readonly #durations = new Durations();
  #watch: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(place: DispatcherPlace) {
    this.#place = place;
  }

  /**
   * Sends a chunk.
   *
   * @param text its items as a pack
   * @param offsets their places; absent for all
   */
  start(part: Part, text: string, offsets: readonly number[] | undefined): void {
    if (part.ended) return this.#place.onEnd(part);
    return this.#dispatch(part, offsets ? { ...firstAttempt, offsets } : firstAttempt, text);
  }

  #dispatch(part: Part, attempt: Attempt, text: string): void {
    // The loop was left while its items were read.
    if (this.#closed) return;
    const count = attempt.offsets?.length ?? part.items.length;
    const since = performance.now() + attempt.delay;
    const flight: Flight = { part, attempt, text, count, since, copies: [], over: false };
    this.#flights.add(flight);
    if (this.#place.speculate !== undefined)
      this.#watch ??= setInterval(() => this.#speed(), lookout);
    if (part.at < this.#place.sentBefore())
      this.#resume(flight).catch((error: unknown) => this.#place.onError(error));
    else this.#send(flight, this.#idOf(flight), false);
  }

  #idOf({ part, attempt }: Flight): string {
    return `${this.#place.base}~m${part.at}${attempt.path}`;
  }

  /** Looks first what came of a message that an earlier run may have sent. */
  async #resume(flight: Flight): Promise<void> {
    const id = this.#idOf(flight);
    const found = await this.#place.courier.ended([id, copyOf(id)]);
    if (this.#closed) return;
    const end = found.find((one) => 'value' in one) ?? found[0];
    if (end) return this.#conclude(flight, end, true);
    return this.#send(flight, id, true);
  }

  #send(flight: Flight, id: string, foreign: boolean): void {
    const { courier, task, order } = this.#place;
    const { retries, delay } = flight.attempt;
    const settings: OrderSettings = retries > 0 ? { ...order, retries } : order;
    const args = [task, new Encoded(flight.text), settings] as const;
    const delivery = courier.send({ id, args, delay, foreign }, (end) =>
      this.#ended(flight, delivery, end, foreign),
    );
    flight.copies.push(delivery);
    delivery.stored.catch((error: unknown) => this.#unsent(flight, delivery, error));
  }

  #unsent(flight: Flight, delivery: Delivery, error: unknown): void {
    if (flight.over) return;
    // What is wrong with the items is theirs; what is wrong with Redis is everybody's.
    if (error instanceof EncodeError || error instanceof PayloadTooLargeError)
      this.#ended(flight, delivery, { error }, false);
    else this.#place.onError(error);
  }

  #ended(flight: Flight, delivery: Delivery, end: ParcelEnd, foreign: boolean): void {
    if (flight.over) return;
    if ('error' in end && end.error instanceof BrokerError) return this.#place.onError(end.error);
    delivery.leave();
    const others = flight.copies.filter((copy) => copy !== delivery);
    if ('error' in end && others.length > 0) {
      // The other one may still do it.
      flight.copies = others;
      return undefined;
    }
    this.#drop(others);
    if (!this.#place.keeps) this.#handOver(this.#place.courier.forget([delivery.id]));
    // One that an earlier run has revoked may end only now.
    const old = foreign && 'error' in end && end.error instanceof TaskRevokedError;
    return this.#conclude(flight, end, old && !flight.attempt.path.endsWith('x'));
  }

  /** @param old whether it ended in an earlier run */
  #conclude(flight: Flight, end: ParcelEnd, old: boolean): void {
    const { part, attempt } = flight;
    flight.over = true;
    this.#flights.delete(flight);
    let next: readonly Attempt[];
    try {
      next =
        'error' in end ? part.lose(attempt, end.error, old) : this.#take(flight, end.value, old);
    } catch (error) {
      next = part.lose(old ? attempt : { ...attempt, again: Infinity }, error, old);
    }
    if (this.#closed) return;
    try {
      for (const one of next) this.#again(part, one);
    } catch (error) {
      // The App was closed: nothing can be sent any more.
      return this.#place.onError(error);
    }
    if (part.ended) this.#place.onEnd(part);
    return undefined;
  }

  #take({ part, attempt, count, since }: Flight, value: unknown, old: boolean): Attempt[] {
    const reply = checkReply(value, count);
    if (!old) {
      this.#place.sizer.learn(reply.done, reply.ms);
      this.#durations.add(performance.now() - since);
    }
    return part.take(attempt, reply, old);
  }

  #again(part: Part, attempt: Attempt): void {
    const { text, offsets } = part.pack(attempt);
    if (offsets.length > 0) this.#dispatch(part, { ...attempt, offsets }, text);
  }

  /** Sends a second copy of what takes far longer than most. */
  #speed(): void {
    const { speculate = 0 } = this.#place;
    const { median } = this.#durations;
    const usual = median === undefined ? Infinity : Math.max(shortest, median * timesMedian);
    const limit = speculate > 0 ? speculate : usual;
    const now = performance.now();
    for (const flight of this.#flights) {
      const [first] = flight.copies;
      if (!first || flight.copies.length > 1 || now - flight.since < limit) continue;
      this.#send(flight, copyOf(first.id), false);
    }
  }

  /** Ends copies that are not wanted any more. */
  #drop(copies: readonly Delivery[]): void {
    if (copies.length === 0) return;
    this.#handOver(
      this.#revoke(copies).finally(() => {
        for (const copy of copies) copy.leave();
      }),
    );
  }

  async #revoke(deliveries: readonly Delivery[]): Promise<void> {
    const { courier } = this.#place;
    // What is being stored now could not be found.
    await Promise.allSettled(deliveries.map(({ stored }) => stored));
    const tasks = deliveries.flatMap(({ id, queue }) => {
      const found = queue();
      return found === undefined ? [] : [{ id, queue: found }];
    });
    if (tasks.length > 0) await courier.revoke(tasks);
    await courier.forget(deliveries.map(({ id }) => id));
  }

  /** What it leaves behind expires: that it could not be tidied up is nobody's failure. */
  #handOver(tidying: Promise<unknown>): void {
    tidying.catch(() => undefined);
  }

  /**
   * Ends what is on its way.
   *
   * @param revoke whether the workers are to hear of it
   */
  async close(revoke: boolean): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watch);
    const copies = [...this.#flights].flatMap((flight) => flight.copies);
    for (const flight of this.#flights) flight.over = true;
    this.#flights.clear();
    if (revoke && copies.length > 0) await this.#revokeSoon(copies);
    // Only now: what is told of them meanwhile has somebody to hear it.
    for (const copy of copies) copy.leave();
  }

  /** Without Redis it ends when that is back, or not at all; nobody is to wait for that. */
  async #revokeSoon(copies: readonly Delivery[]): Promise<void> {
    const late = new AbortController();
    const soon = pause(patience, undefined, { signal: late.signal });
    await Promise.race([this.#revoke(copies), soon]).catch(() => undefined);
    soon.catch(() => undefined);
    late.abort();
  }
}

const copyOf = (id: string): string => `${id}c`;
