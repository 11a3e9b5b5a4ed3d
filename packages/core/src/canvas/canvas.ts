/** What is composed of tasks: signatures, chains, groups and chords. */
import { randomUUID } from 'node:crypto';
import { ConfigError, RegistryError } from '../errors.js';
import { show } from '../config/setting.js';
import type { AnyResult } from '../result/any-result.js';
import type { AsyncResult } from '../result/async-result.js';
import type { EagerResult } from '../result/eager-result.js';
import { attempt, Sent } from '../result/sent.js';
import { GroupResult } from '../result/group-result.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { checkCallOptions } from '../task/call.js';
import type { CallOptions } from '../task/options.js';
import { type CanvasGraph, graphOf, mermaidOf } from './graph.js';
import { type CanvasJson, nodeFromJson, nodeToJson } from './json.js';
import {
  chainOf,
  groupOf,
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
  applyCanvas(node: Node, args: readonly unknown[]): EagerResult<unknown>;
}

/** What finds the App of a canvas, once it is sent. */
export type FindSender = () => CanvasSender | undefined;

declare const input: unique symbol;
declare const output: unique symbol;
declare const outcome: unique symbol;

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
      if (!sender && isEmptyGroup(this.node)) {
        const result = new GroupResult(randomUUID(), [], undefined, () =>
          Promise.reject(
            new RegistryError(
              'this group of nothing belongs to no App, so there is nowhere to save it',
            ),
          ),
        );
        return new Sent(result as AnyResult as R, Promise.resolve());
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

  /** Puts tags into the headers of every task, such as who asked for it. */
  stamp(stamps: Readonly<Record<string, unknown>>): this {
    return this.with(withHeaders(this.node, stamps));
  }

  /** Starts another with its value, when it has ended well. Of a group: with each value. */
  link(...callbacks: readonly Any[]): this {
    const nodes = callbacks.map(nodeOf);
    return this.with(mapLast(this.node, (task) => ({ ...task, link: [...task.link, ...nodes] })));
  }

  /**
   * Starts another when a task in it fails, with what failed: `{ id, error }`. Of a chain: once,
   * for the task that failed. Of a group: for each that fails. Of a chord: once, when its body
   * fails or is not run.
   */
  onError(...callbacks: readonly Any[]): this {
    const nodes = callbacks.map(nodeOf);
    return this.with(errorsOf(this.node, nodes));
  }

  /** `onError`, by Celery's name. */
  linkError(...callbacks: readonly Any[]): this {
    return this.onError(...callbacks);
  }

  /** The chain of this and what is to follow. */
  pipe<Self extends Any, Next extends Any>(
    this: Self,
    next: Follows<OutputOf<Self>, Next>,
  ): Chain<InputOf<Self>, OutputOf<Next>, ResultOf<Next>> {
    const step = next as unknown as Any;
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
const isEmptyGroup = (node: Node): boolean => node.kind === 'group' && node.parts.length === 0;

const nodeOf = (canvas: Any): Node => {
  if (canvas instanceof Canvas) return canvas.node;
  throw new ConfigError(`a canvas is made of signatures, such as add.s(1), got ${show(canvas)}`);
};

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
function firstSender(parts: readonly Any[]): FindSender {
  return () => {
    for (const { sender } of parts) {
      const found = sender();
      if (found) return found;
    }
    return undefined;
  };
}

type Any = Canvas<never, unknown, AnyResult>;
export type AnyCanvas = Any;

/** What a canvas gives. */
export type OutputOf<C> = C extends { readonly [output]: infer Out } ? Out : never;

/** The arguments that a canvas still takes. */
export type InputOf<C> = C extends { readonly [input]: (...args: infer In) => void } ? In : never;

/** What sending a canvas resolves to. */
export type ResultOf<C> = C extends { readonly [outcome]: infer R extends AnyResult<OutputOf<C>> }
  ? R
  : never;

/**
 * What a call takes that has all its arguments: one more would be too many. What takes `[]`, as
 * `si()` does, passes over whatever it is given.
 */
type Nothing = [nothing?: never];

/** Why two steps do not fit, for the compiler's message. */
interface Misfit<Gives, Takes> {
  readonly 'this step does not take what the one before gives': { gives: Gives; takes: Takes };
}

/** Why a step cannot follow another, for the compiler's message. */
interface Surplus<Gives> {
  readonly 'this step has all its arguments; si() makes one that takes nothing from the one before': {
    gives: Gives;
  };
}

/** A step that can follow one that gives `Value`, or the reason why it cannot. */
export type Follows<Value, Step> = [InputOf<Step>] extends [readonly []]
  ? Step
  : [InputOf<Step>, []] extends [Nothing, InputOf<Step>]
    ? Surplus<Value>
    : [[Fitting<Value>]] extends [InputOf<Step>]
      ? Step
      : Misfit<Value, InputOf<Step>>;

/** Of what generic tasks and calls by name give, nothing is known that would not fit. */
type Fitting<Value> = unknown extends Value
  ? never
  : Value extends readonly unknown[]
    ? { [K in keyof Value]: Fitting<Value[K]> }
    : Value;

/** The steps of a chain, each checked against the one before; those of a list against each other. */
type Steps<
  S extends readonly Any[],
  Before = never,
  Done extends readonly unknown[] = [],
> = S extends readonly []
  ? Done
  : S extends readonly [infer Step, ...infer More extends readonly Any[]]
    ? Steps<
        More,
        Step,
        [...Done, [Before] extends [never] ? Step : Follows<OutputOf<Before>, Step>]
      >
    : S[number][] extends S
      ? [...Done, ...Follows<OutputOf<Before | S[number]>, S[number]>[]]
      : [...Done, ...S];

type First<S extends readonly Any[]> = S extends readonly []
  ? []
  : S extends readonly [infer F, ...unknown[]]
    ? Needed<InputOf<F>>
    : Needed<InputOf<S[number]>>;

/** Of a canvas of any kind, it is not known what it takes. */
type Needed<In extends readonly unknown[]> = [In] extends [never] ? [] : In;

type Last<S extends readonly Any[]> = S extends readonly []
  ? Any
  : S extends readonly [...unknown[], infer L]
    ? L
    : S[number];

/**
 * Steps one after another: each gets the value of the one before as its first argument.
 *
 * A group that is followed by something gives it its list of values. The first failure ends the
 * chain: `get()` throws it, and so does that of every later step.
 *
 * @example
 * ```ts
 * await chain(add.s(1, 2), add.s(4)).delay().get(); // 7
 * ```
 */
export function chain<const S extends readonly Any[]>(
  ...steps: S extends Steps<S> ? S : Steps<S>
): Chain<First<S>, OutputOf<Last<S>>, ResultOf<Last<S>>> {
  const parts = steps as unknown as readonly Any[];
  if (parts.length === 0) throw new ConfigError('an empty chain has nothing to run; give it a step');
  return new Chain(chainOf(parts.map(nodeOf)), firstSender(parts));
}

/** The values of a group's parts. Those of a group in it stand among them. */
type Outputs<
  P extends readonly Any[],
  Before extends readonly unknown[] = [],
> = P extends readonly [infer C, ...infer More extends readonly Any[]]
  ? Outputs<More, [...Before, ...Values<C>]>
  : P extends readonly []
    ? Before
    : [...Before, ...Values<P[number]>[number][]];

type Values<C> = C extends Group<never, infer Out> ? Out : [OutputOf<C>];

/** What all the parts of a group take, of whom each gets the same. */
type Shared<C, F = C> = [Taking<C>] extends [never]
  ? []
  : Taking<C> extends (args: infer In extends readonly unknown[]) => void
    ? [In] extends [never]
      ? [unlike: never]
      : [InputOf<F>] extends [In]
        ? InputOf<F>
        : In
    : never;

/** One for each part that takes something. */
type Taking<C> = C extends Any
  ? [InputOf<C>] extends [readonly []]
    ? never
    : (args: InputOf<C>) => void
  : never;

/**
 * Steps at the same time; its value is the list of theirs, in the order in which they are given.
 *
 * @param parts signatures or other canvases, as arguments or as one iterable
 * @example
 * ```ts
 * await group(add.s(1, 1), add.s(2, 2)).delay().get();           // [2, 4]
 * await group(files.map((file) => resize.s(file))).delay().get();
 * ```
 */
export function group<const P extends readonly Any[]>(
  ...parts: P
): Group<Shared<P[number], P[0]>, Outputs<P>>;
export function group<C extends Any>(parts: Iterable<C>): Group<Shared<C>, Values<C>[number][]>;
export function group(...given: readonly unknown[]): unknown {
  const parts = partsOf(given);
  return new Group(groupOf(parts.map(nodeOf)), firstSender(parts));
}

function partsOf(given: readonly unknown[]): Any[] {
  const [first] = given;
  if (given.length !== 1 || first instanceof Canvas) return given as Any[];
  if (typeof first === 'object' && first !== null && Symbol.iterator in first)
    return [...(first as Iterable<Any>)];
  throw new ConfigError(
    typeof first === 'object' && first !== null && Symbol.asyncIterator in first
      ? 'group() cannot wait for an async generator; app.group(generator) sends its parts as they come'
      : `group() takes signatures, or one list of them, got ${show(first)}`,
  );
}

type Header = Iterable<Any> | Group<never>;

type HeaderValues<H> =
  H extends Group<never, infer Out>
    ? Out
    : H extends readonly Any[]
      ? Outputs<H>
      : H extends Iterable<infer C>
        ? Values<C>[number][]
        : never;

type HeaderInput<H> = H extends readonly Any[]
  ? Shared<H[number], H[0]>
  : H extends Iterable<infer C>
    ? Shared<C>
    : InputOf<H>;

/**
 * A group, and a body that gets the list of its values when all have ended well.
 *
 * When one fails, the rest still runs, the body does not, and `get()` throws the failure.
 *
 * @example
 * ```ts
 * await chord([add.s(1, 1), add.s(2, 2)], sum.s()).delay().get(); // 6
 * ```
 */
export function chord<const H extends Header, B extends Any>(
  header: H,
  body: Follows<HeaderValues<H>, B>,
): Chord<HeaderInput<H>, OutputOf<B>, ResultOf<B>>;
export function chord(header: unknown, body: unknown): unknown {
  const single = header instanceof Canvas && !(header instanceof Group);
  const parts = header instanceof Group ? header : group((single ? [header] : header) as Any[]);
  const last = body as Any;
  return new Chord(
    { kind: 'chain', parts: [parts.node, ...chainParts(nodeOf(last))] },
    firstSender([parts as Any, last]),
  );
}

const chainParts = (node: Node): readonly Node[] => (node.kind === 'chain' ? node.parts : [node]);

/**
 * A call of a task by its name, or a canvas from its JSON. It belongs to no App: within a canvas, it
 * is sent by the App of another part. `app.signature` gives one that belongs to an App.
 *
 * @throws ConfigError when the name or the JSON is not one
 */
export function signature<In extends readonly unknown[] = readonly unknown[], Out = unknown>(
  from: string | CanvasJson,
  args: readonly unknown[] = [],
  options?: CallOptions,
): Canvas<In, Out> {
  return makeSignature(from, args, options, () => undefined);
}

/** @internal */
export function makeSignature<In extends readonly unknown[], Out>(
  from: string | CanvasJson,
  args: readonly unknown[],
  options: CallOptions | undefined,
  sender: FindSender,
): Canvas<In, Out> {
  if (typeof from === 'string') {
    return new Signature<In, Out>(taskNode(from, args, checkCallOptions(options)), sender);
  }
  const node = nodeFromJson(from);
  if (node.kind === 'task') return new Signature<In, Out>(node, sender);
  if (node.kind === 'group')
    return new Group<In, readonly unknown[]>(node, sender) as unknown as Canvas<In, Out>;
  return new Chain<In, Out>(node, sender);
}

/** @internal */
export function taskNode(
  task: string,
  args: readonly unknown[],
  options: CallSettings = {},
  immutable = false,
): TaskNode {
  return { kind: 'task', task, args, immutable, options, link: [], linkError: [] };
}
