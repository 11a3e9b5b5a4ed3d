/** What is composed of tasks: signatures, chains, groups and chords. */
import { randomUUID } from 'node:crypto';
import { RegistryError } from '../errors.js';
import type { CourierSource } from '../map/courier.js';
import type { AnyResult } from '../result/any-result.js';
import type { AsyncResult } from '../result/async-result.js';
import { EagerResult } from '../result/eager-result.js';
import { attempt, Sent } from '../result/sent.js';
import type { GroupResult } from '../result/group-result.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { checkCallOptions } from '../task/call.js';
import type { EagerOrigin } from '../task/eager-context.js';
import type { CallOptions } from '../task/options.js';
import type {
  Callbacks,
  FailedCall,
  Follows,
  input,
  InputOf,
  Linked,
  listed,
  outcome,
  output,
  OutputOf,
  ResultOf,
} from './fit.js';
import { emptyGroupResult } from './empty-group.js';
import { type CanvasGraph, graphOf, mermaidOf } from './graph.js';
import { type CanvasJson, nodeToJson } from './json.js';
import { partOf, partsOf } from './parts.js';
import {
  chainOf,
  mapFirst,
  mapLast,
  type Node,
  type TaskNode,
  withHeaders,
  withOptions,
} from './tree.js';

/** What a canvas needs of an App: to be sent. */
export interface CanvasSender {
  sendCanvas(node: Node, args: readonly unknown[], call: CallSettings): Sent<unknown>;
  applyCanvas(node: Node, args: readonly unknown[], origin?: EagerOrigin): EagerResult<unknown>;
  /** What takes the chunks of a streamed map to workers. */
  readonly couriers: CourierSource;
}

/** What finds the App of a canvas, once it is sent. */
export type FindSender = () => CanvasSender | undefined;

/**
 * Something that can be sent: a task with its arguments, or several composed.
 *
 * A canvas is a value. What changes it gives a new one and leaves the old as it was.
 *
 * @typeParam In the arguments that are still to come
 * @typeParam Out what it gives in the end
 */
export abstract class Canvas<
  In extends readonly unknown[] = [],
  Out = unknown,
  R extends AnyResult<Out> = AsyncResult<Out>,
> {
  declare readonly [input]: (...args: In) => void;
  declare readonly [output]: Out;
  declare readonly [outcome]: R;
  /** @internal */
  readonly node: Node;
  /** @internal */
  readonly sender: FindSender;

  /** @internal */
  constructor(node: Node, sender: FindSender) {
    this.node = node;
    this.sender = sender;
  }

  /** The same with another tree. */
  protected abstract with(node: Node): this;

  /**
   * Sends it. Arguments come before those that it has.
   *
   * @returns at once: a promise of the result, with `id` and `get()`
   * @throws (rejects) as a task's `delay`; RegistryError where none of its tasks belongs to an App
   */
  delay(...args: In): Sent<Out, R> {
    return this.applyAsync(args);
  }

  /**
   * Sends it with options: `headers` reach every task, `id` the last one, the others those that it
   * begins with.
   */
  applyAsync(args: In, options?: CallOptions): Sent<Out, R> {
    return attempt(() => {
      const sender = this.sender();
      if (!sender && isNothing(this.node)) {
        return new Sent(emptyGroupResult() as AnyResult as R, Promise.resolve());
      }
      if (sender) {
        return sender.sendCanvas(this.node, args, checkCallOptions(options)) as unknown as Sent<
          Out,
          R
        >;
      }
      throw new RegistryError(
        'nothing in this canvas belongs to an App, so there is nowhere to send it; make its signatures of registered tasks, or by app.signature(name)',
      );
    });
  }

  /**
   * Runs it here and now, its tasks one after another, each as `task.apply` does.
   *
   * @throws RegistryError where none of its tasks belongs to an App; (rejects) UnknownTaskError
   */
  apply(...args: In): EagerResult<Out> {
    const sender = this.sender();
    if (sender) return sender.applyCanvas(this.node, args) as EagerResult<Out>;
    if (isNothing(this.node)) {
      const { id } = emptyGroupResult();
      const outcome = { id, state: 'SUCCESS', value: [], at: Date.now() };
      return new EagerResult<Out>(id, Promise.resolve(outcome));
    }
    throw new RegistryError('nothing in this canvas belongs to an App, so there is no code to run');
  }

  /** Gives options to the tasks that it begins with; `headers` to all, `id` to the last. */
  set(options: CallOptions): this {
    return this.with(withOptions(this.node, checkCallOptions(options)));
  }

  /** The same, under an id that is known ahead: that of its last task. */
  freeze(id: string = randomUUID()): this {
    return this.with(withOptions(this.node, checkCallOptions({ id })));
  }

  /**
   * Puts tags into the headers of every task, such as who asked for it. A function gives the tags
   * of each.
   *
   * @example
   * ```ts
   * canvas.stamp({ requestId }).delay();
   * canvas.stamp(({ task }) => ({ team: teamOf(task) })).delay();
   * ```
   */
  stamp(
    stamps:
      | Readonly<Record<string, unknown>>
      | ((call: { task: string; args: readonly unknown[] }) => Readonly<Record<string, unknown>>),
  ): this {
    return this.with(withHeaders(this.node, stamps));
  }

  /**
   * Starts others with its value, when it has ended well. Of a group: with each value. Each is started as
   * often as it is linked.
   */
  link<Self extends AnyCanvas, const C extends readonly AnyCanvas[]>(
    this: Self,
    ...callbacks: Callbacks<Linked<Self>, C>
  ): Self {
    const nodes = nodesOf(callbacks as readonly unknown[], 'link()');
    return this.with(
      mapLast(this.node, (task) => ({ ...task, link: [...task.link, ...nodes] })),
    ) as Self;
  }

  /**
   * Starts others when a task in it fails, with what failed: `{ id, error }`. Of a chain: once,
   * for the task that failed. Of a group: for each that fails. Of a chord: once, when its body
   * fails or is not run.
   */
  onError<const C extends readonly AnyCanvas[]>(...callbacks: Callbacks<FailedCall, C>): this {
    const nodes = nodesOf(callbacks as readonly unknown[], 'onError()');
    return this.with(errorsOf(this.node, nodes));
  }

  /** `onError`, by Celery's name. */
  linkError<const C extends readonly AnyCanvas[]>(...callbacks: Callbacks<FailedCall, C>): this {
    return this.onError<C>(...callbacks);
  }

  /** The chain of this and what is to follow. */
  pipe<Self extends AnyCanvas, Next extends AnyCanvas>(
    this: Self,
    next: Follows<OutputOf<Self>, Next>,
  ): Chain<InputOf<Self>, OutputOf<Next>, ResultOf<Next>> {
    const step = partOf(next, 'pipe()') as AnyCanvas;
    return new Chain(chainOf([this.node, step.node]), firstSender([this, step]));
  }

  /** What runs, and what comes before what. */
  graph(): CanvasGraph {
    return graphOf(this.node);
  }

  /** The graph as the text of a Mermaid flowchart. */
  toMermaid(): string {
    return mermaidOf(this.graph());
  }

  /** Goes to JSON, and back by `signature(json)`. */
  toJSON(): CanvasJson {
    return nodeToJson(this.node);
  }
}

/** One call of a task, with the arguments that it has so far. */
export class Signature<In extends readonly unknown[] = [], Out = unknown> extends Canvas<In, Out> {
  declare readonly node: TaskNode;

  /** The task's name. */
  get task(): string {
    return this.node.task;
  }

  /** The arguments that it has. */
  get args(): readonly unknown[] {
    return this.node.args;
  }

  protected override with(node: Node): this {
    return new Signature<In, Out>(node, this.sender) as this;
  }
}

/** Steps one after another. */
export class Chain<
  In extends readonly unknown[] = [],
  Out = unknown,
  R extends AnyResult<Out> = AsyncResult<Out>,
> extends Canvas<In, Out, R> {
  protected override with(node: Node): this {
    return new Chain<In, Out, R>(node, this.sender) as this;
  }
}

/** Steps at the same time, whose values make a list. */
export class Group<
  In extends readonly unknown[] = [],
  Out extends readonly unknown[] = readonly unknown[],
> extends Canvas<In, Out, GroupResult<Out>> {
  declare readonly [listed]: Out;

  protected override with(node: Node): this {
    return new Group<In, Out>(node, this.sender) as this;
  }

  /** Has its parts start one after another: the first after `start`, each other `step` later. */
  skew({ start = 1_000, step = 1_000 }: { start?: number; step?: number } = {}): this {
    const { node } = this;
    if (node.kind !== 'group') return this;
    const parts = node.parts.map((part, at) =>
      mapFirst(part, (task) => ({
        ...task,
        options: { ...task.options, countdown: start + at * step },
      })),
    );
    return this.with({ ...node, parts });
  }
}

/** A group, and a task that gets its list. */
export class Chord<
  In extends readonly unknown[] = [],
  Out = unknown,
  R extends AnyResult<Out> = AsyncResult<Out>,
> extends Canvas<In, Out, R> {
  protected override with(node: Node): this {
    return new Chord<In, Out, R>(node, this.sender) as this;
  }
}

/** A group of nothing is complete wherever it is. */
const isNothing = (node: Node): boolean => node.kind === 'group' && node.parts.length === 0;

const nodesOf = (given: readonly unknown[], what: string): readonly Node[] =>
  partsOf(given, what).map(({ node }) => node);

/** Errbacks stand at every task, but not at those of a group that a body follows. */
function errorsOf(node: Node, callbacks: readonly Node[]): Node {
  if (node.kind === 'task') return { ...node, linkError: [...node.linkError, ...callbacks] };
  const parts = node.parts.map((part, at) => {
    const isHeader = node.kind === 'chain' && part.kind === 'group' && at < node.parts.length - 1;
    return isHeader ? part : errorsOf(part, callbacks);
  });
  return { ...node, parts };
}

/** The first App that one of them belongs to. */
export function firstSender(parts: readonly AnyCanvas[]): FindSender {
  return () => {
    for (const { sender } of parts) {
      const found = sender();
      if (found) return found;
    }
    return undefined;
  };
}

/** Any canvas. */
export type AnyCanvas = Canvas<never, unknown, AnyResult>;
