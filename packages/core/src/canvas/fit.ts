/** What fits what: the types that check a canvas where it is written. */
import type { AnyResult } from '../result/any-result.js';

/** What a canvas still takes, what it gives, what sending it resolves to; of a group, its list. */
export declare const input: unique symbol;
export declare const output: unique symbol;
export declare const outcome: unique symbol;
export declare const listed: unique symbol;

/** What every canvas says of itself. */
interface Step {
  readonly [input]: (...args: never) => void;
  readonly [output]: unknown;
  readonly [outcome]: AnyResult;
}

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
export type Nothing = [nothing?: never];

/** What a step must be that follows a step which gives `Value`: for the compiler's message. */
export interface StepThatTakes<Value> {
  readonly 'this step does not take what the step before gives': Value;
}

/** The same, where all arguments of the step are there: for the compiler's message. */
export interface StepThatLacksAnArgument<Value> {
  readonly 'this step has all its arguments, and none for what the step before gives; si() makes a step that takes nothing': Value;
}

/** A step that can follow one that gives `Value`, or a type whose name says why it cannot. */
export type Follows<Value, Next> = [InputOf<Next>] extends [readonly []]
  ? Next
  : [InputOf<Next>, []] extends [Nothing, InputOf<Next>]
    ? StepThatLacksAnArgument<Value>
    : [[Fitting<Value>]] extends [InputOf<Next>]
      ? Next
      : StepThatTakes<Value>;

/** What a callback must be: for the compiler's message. */
export interface CallbackThatTakes<Value> {
  readonly 'this callback does not take what it is given': Value;
}

/** Callbacks that take a value, or nothing of it. */
export type Callbacks<Value, C extends readonly Step[]> = {
  readonly [K in keyof C]: [InputOf<C[K]>] extends [readonly []]
    ? C[K]
    : [InputOf<C[K]>, []] extends [Nothing, InputOf<C[K]>]
      ? CallbackThatTakes<Value>
      : [[Fitting<Value>]] extends [InputOf<C[K]>]
        ? C[K]
        : CallbackThatTakes<Value>;
};

/** What the callbacks of `link` get: the value, and of a group each part's. */
export type Linked<C> = C extends { readonly [listed]: infer Out extends readonly unknown[] }
  ? Out[number]
  : OutputOf<C>;

/** What the callbacks of `onError` get. */
export interface FailedCall {
  /** The task's id. */
  readonly id: string;
  /** The task's name. */
  readonly task: string;
  /** What it has failed with. */
  readonly error: Error;
}

/** What the canvases of a source must be that are sent without arguments: for the compiler's message. */
export interface CanvasesThatLackNo<Arguments> {
  readonly 'these canvases lack arguments': Arguments;
}

/** What a source must be beside a source, or a type whose name says which arguments are missing. */
export type CompleteSource<C> = [C] extends [never]
  ? unknown
  : [] extends InputOf<C>
    ? unknown
    : CanvasesThatLackNo<InputOf<C>>;

/** Of what generic tasks and calls by name give, nothing is known that would not fit. */
export type Fitting<Value> = unknown extends Value
  ? never
  : Value extends readonly unknown[]
    ? { [K in keyof Value]: Fitting<Value[K]> }
    : Value;

/** The steps of a chain, each checked against the one before; those of a list against each other. */
export type Steps<
  S extends readonly Step[],
  Before = never,
  Done extends readonly unknown[] = [],
> = S extends readonly []
  ? Done
  : S extends readonly [infer Next, ...infer More extends readonly Step[]]
    ? Steps<
        More,
        Next,
        [...Done, [Before] extends [never] ? Next : Follows<OutputOf<Before>, Next>]
      >
    : S[number][] extends S
      ? [...Done, ...Follows<OutputOf<Before | S[number]>, S[number]>[]]
      : [...Done, ...S];

export type First<S extends readonly Step[]> = S extends readonly []
  ? []
  : S extends readonly [infer F, ...unknown[]]
    ? Needed<InputOf<F>>
    : Needed<InputOf<S[number]>>;

/** Of a canvas of any kind, it is not known what it takes. */
export type Needed<In extends readonly unknown[]> = [In] extends [never] ? [] : In;

export type Last<S extends readonly Step[]> = S extends readonly []
  ? Step
  : S extends readonly [...unknown[], infer L]
    ? L
    : S[number];

/** The values of a group's parts. Those of a group in it stand among them. */
export type Outputs<
  P extends readonly Step[],
  Before extends readonly unknown[] = [],
> = P extends readonly [infer C, ...infer More extends readonly Step[]]
  ? Outputs<More, [...Before, ...Values<C>]>
  : P extends readonly []
    ? Before
    : [...Before, ...Values<P[number]>[number][]];

export type Values<C> = C extends { readonly [listed]: infer Out extends readonly unknown[] }
  ? Out
  : [OutputOf<C>];

/** What all the parts of a group take, of whom each gets the same. */
export type Shared<C, F = C> = [Taking<C>] extends [never]
  ? []
  : Taking<C> extends (args: infer In extends readonly unknown[]) => void
    ? [In] extends [never]
      ? [unlike: never]
      : [InputOf<F>] extends [In]
        ? InputOf<F>
        : In
    : never;

/** One for each part that takes something. */
export type Taking<C> = C extends Step
  ? [InputOf<C>] extends [readonly []]
    ? never
    : (args: InputOf<C>) => void
  : never;

/** Why a list makes no group; the text is the compiler's message. */
type NoCanvas = 'a group is made of signatures, such as add.s(1, 2), or of one list of them';

/** The parts of a group, as arguments or as one list; a text is the compiler's message. */
export type GroupParts<P extends readonly unknown[]> = P extends readonly [infer L]
  ? [L] extends [Step]
    ? P
    : ListOfParts<L> extends infer Fits
      ? unknown extends Fits
        ? P
        : [Fits]
      : never
  : { readonly [K in keyof P]: P[K] extends Step ? P[K] : NoCanvas };

/** What a list of parts must be beside a list; a text is the compiler's message. */
export type ListOfParts<L> =
  L extends Iterable<infer C> ? ([C] extends [Step] ? unknown : NoCanvas) : NoCanvas;

/** The parts themselves. */
type PartsIn<P extends readonly unknown[]> = P extends readonly [infer L]
  ? [L] extends [Step]
    ? P
    : L extends readonly Step[]
      ? L
      : L extends Iterable<infer C>
        ? readonly C[]
        : never
  : P;

/** What a group takes. */
export type GroupInput<P extends readonly unknown[]> =
  PartsIn<P> extends infer Parts extends readonly Step[]
    ? Shared<Parts[number], FirstOf<Parts>>
    : [];

/** The list that a group gives. */
export type GroupOutput<P extends readonly unknown[]> =
  PartsIn<P> extends infer Parts extends readonly Step[] ? Outputs<Parts> : never;

type FirstOf<Parts extends readonly Step[]> = Parts extends readonly [infer F, ...unknown[]]
  ? F
  : Parts[number];

/** Why a canvas is no header; the text is the compiler's message. */
type NoHeader = 'the header of a chord is a group, or a list of signatures';

/** The header of a chord; a text is the compiler's message. */
export type Header<H> = H extends { readonly [listed]: unknown }
  ? unknown
  : H extends Step
    ? NoHeader
    : ListOfParts<H>;

/** The list that the body of a chord gets. */
export type HeaderValues<H> = H extends { readonly [listed]: infer Out } ? Out : GroupOutput<[H]>;

/** What the header of a chord takes. */
export type HeaderInput<H> = H extends Step ? InputOf<H> : GroupInput<[H]>;
