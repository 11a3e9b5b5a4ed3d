/** What makes canvases: chain, group, chord, signature. */
import { ConfigError } from '../errors.js';
import { checkCallOptions } from '../task/call.js';
import type { CallOptions } from '../task/options.js';
import {
  type AnyCanvas,
  type Canvas,
  Chain,
  Chord,
  type FindSender,
  firstSender,
  Group,
  Signature,
} from './canvas.js';
import type {
  First,
  Follows,
  GroupInput,
  GroupOutput,
  GroupParts,
  Header,
  HeaderInput,
  HeaderValues,
  Last,
  OutputOf,
  ResultOf,
  Steps,
} from './fit.js';
import { type CanvasJson, nodeFromJson } from './json.js';
import { partOf, partsOf } from './parts.js';
import { chainOf, groupOf, taskNode } from './tree.js';

/**
 * Steps one after another: each gets the value of the one before as its first argument.
 *
 * A group that is followed by something gives it its list of values. The first failure ends the
 * chain: `get()` throws it, and so does that of every later step.
 *
 * @param steps signatures or other canvases, as arguments or as one iterable
 * @throws ConfigError when there is none, and for an empty group behind another step, whose value
 * nobody would get
 * @example
 * ```ts
 * await chain(add.s(1, 2), add.s(4)).delay().get();            // 7
 * await chain([1, 2, 3].map((x) => add.s(x))).delay(0).get();  // 6
 * ```
 */
export function chain<const S extends readonly AnyCanvas[]>(
  ...steps: S extends Steps<S> ? S : Steps<S>
): Chain<First<S>, OutputOf<Last<S>>, ResultOf<Last<S>>>;
export function chain<const S extends readonly AnyCanvas[]>(
  steps: S extends Steps<S> ? S : Steps<S>,
): Chain<First<S>, OutputOf<Last<S>>, ResultOf<Last<S>>>;
export function chain<C extends AnyCanvas>(
  steps: Iterable<C & Follows<OutputOf<C>, C>>,
): Chain<First<C[]>, OutputOf<C>, ResultOf<C>>;
export function chain(...given: readonly unknown[]): unknown {
  const parts = partsOf(given, 'chain()') as AnyCanvas[];
  if (parts.length === 0)
    throw new ConfigError('an empty chain has nothing to run; give it a step');
  return new Chain(chainOf(parts.map(({ node }) => node)), firstSender(parts));
}

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
export function group<const P extends readonly unknown[]>(
  ...parts: P & GroupParts<P>
): Group<GroupInput<P>, GroupOutput<P>>;
export function group(...given: readonly unknown[]): unknown {
  const parts = partsOf(given, 'group()') as AnyCanvas[];
  return new Group(groupOf(parts.map(({ node }) => node)), firstSender(parts));
}

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
export function chord<const H, B extends AnyCanvas>(
  header: H & Header<H>,
  body: Follows<HeaderValues<H>, B>,
): Chord<HeaderInput<H>, OutputOf<B>, ResultOf<B>>;
export function chord(header: unknown, body: unknown): unknown {
  const parts = partsOf([header], 'chord()') as AnyCanvas[];
  const last = partOf(body, 'the body of chord()') as AnyCanvas;
  const group = groupOf(parts.map(({ node }) => node));
  return new Chord(chainOf([group, last.node]), firstSender([...parts, last]));
}

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
