/** The worker's side of a map: runs a task on the items of a chunk, one after another. */
import { encode, encodeError } from '../codec/index.js';
import { DecodeError } from '../errors.js';
import { Encoded } from '../protocol/encoded.js';
import { Ignore } from '../steering.js';
import { abortReason } from '../task/abort-reason.js';
import { isPromiseLike, runInContext, type TaskContext } from '../task/context.js';
import type { Definition } from '../task/definition.js';
import { invokeTask } from '../task/run.js';
import { judge, tellBeside } from '../task/verdict.js';
import { ItemContext } from './item-context.js';
import type { OrderSettings } from './order.js';
import { Packer, type Unpacked, unpack } from './pack.js';

/** A reply may be so many times as large as its order wants, where one value is that large. */
const slack = 3;

/** The tasks of a chunk: that of its items, and what makes one value of two. */
export interface ChunkTasks {
  readonly item: Definition;
  readonly reduce: Definition | undefined;
}

/**
 * Runs a chunk; gives a `Reply`, as text, or a promise of it where there is something to wait for.
 * An item that throws fails alone.
 *
 * @throws DecodeError when the chunk is damaged
 */
export function runChunk(
  tasks: ChunkTasks,
  name: string,
  items: unknown,
  settings: OrderSettings,
  context: TaskContext,
): Encoded | Promise<Encoded> {
  if (typeof settings !== 'object' || settings === null)
    throw new DecodeError('the chunk of a map does not say how it is to be run');
  const pack = unpack(items, settings.spread === true);
  const run = new ChunkRun(tasks, new ItemContext(context, name, settings.retries), pack, settings);
  // Once for all items: to enter a context takes longer than many a task.
  return runInContext(run.context, () => run.from(0));
}

class ChunkRun {
  readonly context: ItemContext;
  readonly #tasks: ChunkTasks;
  readonly #items: Unpacked;
  readonly #settings: OrderSettings;
  readonly #values = new Packer(false);
  /** Those of items, as JSON. */
  readonly #failures: string[] = [];
  #failureSize = 0;
  readonly #began = performance.now();
  /** With `reduce`: what was made of the values so far. */
  #total: { readonly value: unknown } | undefined;

  constructor(tasks: ChunkTasks, context: ItemContext, items: Unpacked, settings: OrderSettings) {
    this.#tasks = tasks;
    this.context = context;
    this.#items = items;
    this.#settings = settings;
  }

  /** Runs the items from a place on. */
  from(start: number): Encoded | Promise<Encoded> {
    const { count } = this.#items;
    let at = start;
    for (; at < count && !this.#isEnough(at); at += 1) {
      const pending = this.#begin(at);
      if (pending === false) break;
      if (pending !== true) return this.#wait(at, pending);
    }
    return this.#reply(at);
  }

  /** The same, from an item that has to be waited for. */
  async #wait(first: number, begun: PromiseLike<unknown>): Promise<Encoded> {
    const { count } = this.#items;
    const { signal } = this.context;
    let pending: PromiseLike<unknown> | boolean = begun;
    let at = first;
    for (;;) {
      if (typeof pending !== 'boolean') pending = await this.#settle(at, pending);
      if (pending === false) break;
      at += 1;
      if (at >= count || this.#isEnough(at)) break;
      signal.throwIfAborted();
      pending = this.#begin(at);
    }
    return this.#reply(at);
  }

  /** Starts an item: gives whether it counts as done, or what is to be waited for. */
  #begin(at: number): boolean | PromiseLike<unknown> {
    const item = this.#items.at(at);
    const { context } = this;
    context.args = this.#settings.spread ? (item as readonly unknown[]) : [item];
    try {
      const value = invokeTask(this.#tasks.item, context, context.args);
      return isPromiseLike(value) ? value : this.#keep(value);
    } catch (error) {
      return this.#fail(at, error);
    }
  }

  async #settle(at: number, pending: PromiseLike<unknown>): Promise<boolean> {
    try {
      const kept = this.#keep(await pending);
      return typeof kept === 'boolean' ? kept : await kept;
    } catch (error) {
      return this.#fail(at, error);
    }
  }

  /** Keeps a value; gives whether there was room for it. */
  #keep(value: unknown): boolean | Promise<boolean> {
    const { reduce } = this.#tasks;
    if (!reduce) return this.#values.add(value, this.#settings.bytes * slack);
    if (!this.#total) {
      this.#total = { value };
      return true;
    }
    const both = [this.#total.value, value];
    const total = invokeTask(reduce, this.context, both);
    if (isPromiseLike(total)) return this.#fold(total);
    this.#total = { value: total };
    return true;
  }

  async #fold(total: PromiseLike<unknown>): Promise<true> {
    this.#total = { value: await total };
    return true;
  }

  #fail(at: number, thrown: unknown): boolean {
    // As a part of a group: it has no value, and fails nothing.
    if (thrown instanceof Ignore)
      return this.#tasks.reduce !== undefined || this.#values.add(undefined, Infinity);
    const reason = abortReason(thrown, this.context.signal);
    const text = JSON.stringify({ at, ...this.#judged(reason) });
    this.#failures.push(text);
    this.#failureSize += Buffer.byteLength(text);
    return true;
  }

  /** The parts of an `ItemFailure`, encoded. */
  #judged(thrown: unknown): Record<string, unknown> {
    const { id, name, retries } = this.context;
    const { retry: policy } = this.#tasks.item;
    const { retry: override } = this.#settings;
    try {
      const verdict = judge(thrown, { id, name, retries, policy, override, now: Date.now() });
      tellBeside(verdict, { id, name }, this.context.logger);
      const error = encodeError('error' in verdict ? verdict.error : thrown);
      if (verdict.kind === 'requeue') return { error, wait: 0 };
      if (verdict.kind !== 'retry') return { error };
      const { wait, args } = verdict;
      return { error, wait, ...(args !== undefined && { args: encode(args, 'args') }) };
    } catch (error) {
      // Arguments of a retry that cannot travel.
      return { error: encodeError(error) };
    }
  }

  /** Whether the rest is better sent again than waited for. */
  #isEnough(at: number): boolean {
    if (at === 0) return false;
    const { budget = Infinity, bytes, reduce } = this.#settings;
    // What stands on both sides of a failure cannot be one value.
    if (reduce !== undefined && this.#failures.length > 0) return true;
    const size = this.#values.size + this.#failureSize;
    return size > bytes || performance.now() - this.#began > budget;
  }

  #reply(done: number): Encoded {
    if (this.#tasks.reduce && this.#total) this.#values.add(this.#total.value, Infinity);
    const ms = Math.max(0.001, performance.now() - this.#began);
    const values = this.#values.text();
    const failed = this.#failures.length > 0 ? `,"failed":[${this.#failures.join(',')}]` : '';
    return new Encoded(`{"done":${done},"ms":${ms.toFixed(3)},"values":${values}${failed}}`);
  }
}
