/** A task over a list: a signature that does it in one message, and a stream that does it in many. */
import { ConfigError, RegistryError } from '../errors.js';
import { type FindSender, Signature } from '../canvas/canvas.js';
import { type Node, taskNode, type TaskNode } from '../canvas/tree.js';
import { starmapTask } from '../canvas/starmap.js';
import type { MapSettings } from './options.js';
import { checkRows, isIterable, type MapSource } from './source.js';
import { MapStream } from './stream.js';

/** What a mapping is made of. */
export interface MappingParts {
  readonly task: string;
  readonly source: MapSource<unknown>;
  /** Whether an item is a list of arguments. */
  readonly spread: boolean;
  readonly settings: MapSettings;
  readonly sender: FindSender;
}

/**
 * What `task.map(items)` gives. In a canvas, or sent with `delay()`, it is one message that runs the
 * task on each item; its items are read then. With `for await` it is a stream: items travel in
 * chunks, and values come as workers give them, for any number of items and in little memory.
 *
 * @typeParam R what the task gives
 * @typeParam Y what the stream gives: the same, or with `onItemError: 'collect'` an `ItemResult`
 * @example
 * ```ts
 * for await (const square of squareOf.map(numbers())) console.log(square);
 * ```
 */
export class Mapping<R = unknown, Y = R> extends Signature<[], R[]> implements AsyncIterable<Y> {
  readonly #parts: MappingParts;

  /** @internal */
  constructor(parts: MappingParts, node?: TaskNode) {
    super(node ?? taskNode(starmapTask, [], {}, true), parts.sender);
    this.#parts = parts;
    if (node) return;
    let read: TaskNode | undefined;
    // The items are read when the canvas is looked at, and not where it is streamed.
    Object.defineProperty(this, 'node', {
      configurable: true,
      enumerable: true,
      get: () => (read ??= nodeOf(parts)),
    });
  }

  protected override with(node: Node): this {
    return new Mapping<R, Y>(this.#parts, node as TaskNode) as this;
  }

  /**
   * Streams the values. A list can be streamed again and again, a generator once.
   *
   * @throws RegistryError where the task belongs to no App; ConfigError for a broadcast queue, and
   * for a canvas that has callbacks
   */
  [Symbol.asyncIterator](): AsyncGenerator<Y, void, undefined> {
    const { task, spread, sender } = this.#parts;
    const found = sender();
    if (!found) {
      throw new RegistryError(
        `task ${task} belongs to no App, so there is nowhere to send its items; give it to one: new App(name, { tasks: [task] }) or app.register(task)`,
      );
    }
    const { source, settings } = this.#streamed();
    return new MapStream<Y>({ couriers: found.couriers, task, source, spread, settings });
  }

  /** The source and its options, as `set` and its like have left them. */
  #streamed(): Pick<MappingParts, 'source' | 'settings'> {
    const own = Object.getOwnPropertyDescriptor(this, 'node');
    if (own?.get) return this.#parts;
    const { args, options, link, linkError } = this.node;
    if (link.length + linkError.length > 0) {
      throw new ConfigError(
        `the map over ${this.#parts.task} has callbacks, which go with delay(); a stream has none: its values are in the loop`,
      );
    }
    const { settings, spread } = this.#parts;
    const rows = args[1] as readonly (readonly unknown[])[];
    const source = spread ? rows : rows.map(([item]) => item);
    const { id: _id, ...call } = options;
    return { source, settings: { ...settings, call: { ...settings.call, ...call } } };
  }
}

function nodeOf({ task, source, spread, settings }: MappingParts): TaskNode {
  if (!isIterable(Object(source) as object)) {
    throw new ConfigError(
      `the items of the map over ${task} come from an async generator, which can be streamed alone: for await (const value of task.map(items)); in a canvas they must be a list or a generator`,
    );
  }
  const items = [...(source as Iterable<unknown>)];
  const rows = spread ? checkRows(items, 'starmap()') : items.map((item) => [item]);
  return taskNode(starmapTask, [task, rows], settings.call, true);
}
