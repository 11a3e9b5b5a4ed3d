/** The values of a map as they come: what `for await` reads. */
import { randomUUID } from 'node:crypto';
import { MapItemError } from '../errors.js';
import { atCaller, forOneWait } from '../result/at-caller.js';
import type { CourierSource, Courier } from './courier.js';
import { Dispatcher } from './dispatcher.js';
import { Feeder } from './feeder.js';
import { Notes } from './notes.js';
import type { MapSettings } from './options.js';
import type { OrderSettings } from './order.js';
import { Outlet } from './outlet.js';
import type { Part } from './part.js';
import { Sizer } from './sizer.js';
import { type MapSource, Source } from './source.js';
import { Tempo } from './tempo.js';

/** A map that is to be streamed. */
export interface StreamOrder {
  readonly couriers: CourierSource;
  readonly task: string;
  readonly source: MapSource<unknown>;
  /** Whether an item is a list of arguments. */
  readonly spread: boolean;
  /** The task that makes one value of two: a chunk then gives one. */
  readonly reduce?: string | undefined;
  readonly settings: MapSettings;
}

/** Chunks on their way: at least so many, and so many for each worker. */
const fewest = 8;
const perWorker = 4;
/** How often the workers are counted, in milliseconds. */
const census = 5_000;

const done: IteratorReturnResult<void> = { done: true, value: undefined };

/** A map that runs. */
export class MapStream<Y> implements AsyncGenerator<Y, void, undefined> {
  readonly #order: StreamOrder;
  readonly #outlet: Outlet;
  readonly #tempo: Tempo;
  readonly #source: Source;
  readonly #courier: Courier;
  readonly #dispatcher: Dispatcher;
  readonly #sizer: Sizer;
  readonly #onAbort = (): void => this.#fail(this.#order.settings.signal?.reason);
  /** The chunk that is being taken, what it gives, and how far it was taken. */
  #part: Part | undefined;
  #length = 0;
  #at = 0;
  #totals: readonly unknown[] | undefined;
  #notes: Notes | undefined;
  #width: number;
  #counted = -Infinity;
  #started = false;
  /** The source has ended, with an error or without. */
  #fed: { readonly error?: unknown } | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** An item has failed: the loop ends when it gets there. */
  #doomed = false;
  #closed = false;
  /** Wakes who waits for a chunk, and who waits for room. */
  #wake: (() => void) | undefined;
  #makeRoom: (() => void) | undefined;
  #turn: Promise<void> = Promise.resolve();
  #turns = 0;

  /** @throws ConfigError where the map cannot be streamed */
  constructor(order: StreamOrder) {
    const { couriers, task, source, settings } = order;
    this.#order = order;
    this.#outlet = new Outlet(settings.ordered);
    this.#tempo = new Tempo(settings.onProgress);
    this.#sizer = new Sizer(settings.chunkSize, settings.chunkTime);
    this.#width = settings.concurrency ?? fewest;
    this.#courier = couriers.openCourier(task, settings.call, settings.id !== undefined);
    this.#source = new Source(source);
    this.#dispatcher = new Dispatcher({
      courier: this.#courier,
      task,
      base: settings.id ?? randomUUID(),
      order: this.#orderSettings(),
      keeps: settings.id !== undefined,
      speculate: settings.speculate,
      sizer: this.#sizer,
      sentBefore: () => this.#notes?.sent ?? 0,
      onEnd: (part) => this.#ended(part),
      onError: (error) => this.#fail(error),
    });
  }

  #orderSettings(): OrderSettings {
    const { spread, reduce, settings } = this.#order;
    const { retry } = settings.call;
    return {
      ...(spread && { spread }),
      // Twice as long as it should take: the rest then goes to whoever is free.
      ...(settings.chunkSize === undefined && { budget: settings.chunkTime * 2 }),
      bytes: this.#bytes,
      ...(retry && { retry }),
      ...(reduce !== undefined && { reduce }),
    };
  }

  get #bytes(): number {
    // A quarter leaves room for a value that is larger than the others.
    return Math.min(this.#order.settings.chunkBytes, Math.floor(this.#courier.maxPayload / 4));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next value. */
  next(): Promise<IteratorResult<Y, void>> {
    // Most values are there: to wait for a turn would take longer than to get them.
    if (this.#turns === 0 && !this.#failure) {
      const part = this.#part;
      if (part && this.#at < this.#length && !part.failures.has(this.#at) && !this.#totals)
        return Promise.resolve({ done: false, value: this.#valueAt(part) });
    }
    return this.inTurn(() => this.#advance());
  }

  /** Ends the map: what is on its way is revoked. */
  return(): Promise<IteratorResult<Y, void>> {
    this.#fail(undefined);
    return this.inTurn(async () => {
      await this.#close();
      return done;
    });
  }

  /** The same, with an error. */
  throw(error: unknown): Promise<IteratorResult<Y, void>> {
    this.#fail(error);
    return this.inTurn(async () => {
      await this.#close();
      throw error;
    });
  }

  /** `return`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /**
   * Calls are answered one after another. Nobody but who calls waits for the promise that is given:
   * V8 follows a promise to the line that waits for it where one does.
   *
   * @internal
   */
  async inTurn<R>(work: () => Promise<R>): Promise<R> {
    const before = this.#turn;
    const { promise, resolve } = newTurn();
    this.#turn = promise;
    this.#turns += 1;
    await before;
    try {
      return await work();
    } catch (error) {
      throw atCaller(error, this, 'inTurn');
    } finally {
      this.#turns -= 1;
      resolve();
    }
  }

  async #advance(): Promise<IteratorResult<Y, void>> {
    if (this.#closed) return done;
    if (!this.#started) void this.#feed();
    for (;;) {
      if (this.#failure) return this.#leave(this.#failure);
      const part = (this.#part ??= this.#nextPart());
      if (part && this.#totals && part.failures.size > 0)
        return this.#throwItem(part, least(part.failures.keys()));
      if (part && this.#at < this.#length) return this.#give(part);
      if (part) this.#release();
      else if (this.#fed && this.#outlet.size === 0) return this.#leave(this.#fed);
      else await this.#change();
    }
  }

  /** Ends the map; throws where there is an error. */
  async #leave(end: { readonly error?: unknown }): Promise<IteratorReturnResult<void>> {
    const failed = 'error' in end && end.error !== undefined;
    try {
      await this.#close();
    } catch (error) {
      // What the source throws when it is closed is less than why it is.
      if (!failed) throw error;
    }
    if (failed) throw end.error as Error;
    return done;
  }

  #nextPart(): Part | undefined {
    const part = this.#outlet.take();
    if (!part) return undefined;
    this.#totals = this.#order.reduce === undefined ? undefined : part.totals();
    this.#length = this.#totals ? this.#totals.length : part.items.length;
    this.#at = Math.max(0, this.#order.settings.from - part.first);
    return part;
  }

  async #give(part: Part): Promise<IteratorResult<Y, void>> {
    if (this.#totals) {
      const value = this.#totals[this.#at] as Y;
      this.#at += 1;
      return { done: false, value };
    }
    if (!part.failures.has(this.#at)) return { done: false, value: this.#valueAt(part) };
    if (this.#order.settings.onItemError !== 'collect') return this.#throwItem(part, this.#at);
    const error = asError(part.failures.get(this.#at));
    const value = { ok: false, index: part.first + this.#at, error };
    this.#at += 1;
    return { done: false, value: value as Y };
  }

  /** Ends the map for an item that has failed. */
  #throwItem(part: Part, offset: number): Promise<IteratorResult<Y, void>> {
    const error = part.failures.get(offset);
    const failure = new MapItemError(this.#order.task, part.first + offset, error);
    return this.#leave({ error: forOneWait(failure) });
  }

  #valueAt(part: Part): Y {
    const value = part.value(this.#at);
    const index = part.first + this.#at;
    this.#at += 1;
    return (
      this.#order.settings.onItemError === 'collect' ? { ok: true, index, value } : value
    ) as Y;
  }

  #release(): void {
    this.#part = undefined;
    this.#outlet.release();
    this.#makeRoom?.();
  }

  /** Resolves when a chunk has ended, or nothing more comes. */
  async #change(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    try {
      await this.#courier.wait(woken);
    } catch (error) {
      // The task that the map is in was told to end.
      this.#fail(error);
    }
  }

  async #feed(): Promise<void> {
    this.#started = true;
    const { settings, task, spread, reduce } = this.#order;
    const { signal, id, onItemError, maxItemRetries } = settings;
    try {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', this.#onAbort, { once: true });
      if (id !== undefined) this.#notes = await Notes.open(this.#courier, id, task);
      const again = onItemError === 'retry' ? maxItemRetries : 0;
      const feeder = new Feeder({
        source: this.#source,
        sizer: this.#sizer,
        dispatcher: this.#dispatcher,
        notes: this.#notes,
        rules: {
          spread,
          reduces: reduce !== undefined,
          again,
          collects: onItemError === 'collect',
        },
        bytes: this.#bytes,
        from: settings.from,
        room: () => this.#room(),
        onPart: (part) => this.#sent(part),
        onSkip: (at) => this.#outlet.skip(at),
      });
      await feeder.run();
      this.#fed = {};
    } catch (error) {
      this.#fed = { error: error ?? new Error('the source threw nothing') };
    }
    this.#wake?.();
  }

  async #room(): Promise<boolean> {
    while (this.#wanted && this.#outlet.size >= this.#width) {
      await new Promise<void>((resolve) => {
        this.#makeRoom = resolve;
      });
    }
    return this.#wanted;
  }

  /** Whether it is worth sending more. */
  get #wanted(): boolean {
    return !this.#closed && !this.#failure && !this.#doomed;
  }

  #sent(part: Part): void {
    this.#outlet.expect();
    this.#tempo.sent(part.items.length);
    const now = performance.now();
    if (this.#order.settings.concurrency !== undefined || now - this.#counted < census) return;
    this.#counted = now;
    this.#courier.workers().then(
      (count) => {
        this.#width = Math.max(fewest, count * perWorker);
        this.#makeRoom?.();
      },
      // As many as before.
      () => undefined,
    );
  }

  #ended(part: Part): void {
    this.#outlet.put(part);
    if (part.failures.size > 0 && this.#order.settings.onItemError !== 'collect') {
      this.#doomed = true;
      this.#makeRoom?.();
    }
    try {
      this.#tempo.ended(part.items.length, part.failures.size);
    } catch (error) {
      this.#fail(error);
    }
    this.#wake?.();
  }

  /** Ends the map before its end. Without an error: nobody wants more of it. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
    this.#makeRoom?.();
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#makeRoom?.();
    this.#order.settings.signal?.removeEventListener('abort', this.#onAbort);
    // Of a map that another run goes on with, what is on its way is that run's.
    await this.#dispatcher.close(!this.#notes?.lost);
    await this.#source.close();
  }
}

function newTurn(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Of what may be too many for the arguments of a call. */
function least(numbers: Iterable<number>): number {
  let found = Infinity;
  for (const one of numbers) found = Math.min(found, one);
  return found;
}

/** Tasks may throw anything. */
const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
