/** What fits what: the types that check a canvas where it is written. */
import type { AnyResult } from '../result/any-result.js';

/** What a canvas still takes, what it gives, what sending it resolves to; of a group, its list. */
export declare const input: unique symbol;
export declare const output: unique symbol;
export declare const outcome: unique symbol;
export declare const listed: unique symbol;

/** What every canvas says of itself. */
interface Any {
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

/** Why two steps do not fit, for the compiler's message. */
export interface Misfit<Gives, Takes> {
  readonly 'this step does not take what the one before gives': { gives: Gives; takes: Takes };
}

/** Why a step cannot follow another, for the compiler's message. */
export interface Surplus<Gives> {
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
export type Fitting<Value> = unknown extends Value
  ? never
  : Value extends readonly unknown[]
    ? { [K in keyof Value]: Fitting<Value[K]> }
    : Value;

/** The steps of a chain, each checked against the one before; those of a list against each other. */
export type Steps<
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

export type First<S extends readonly Any[]> = S extends readonly []
  ? []
  : S extends readonly [infer F, ...unknown[]]
    ? Needed<InputOf<F>>
    : Needed<InputOf<S[number]>>;

/** Of a canvas of any kind, it is not known what it takes. */
export type Needed<In extends readonly unknown[]> = [In] extends [never] ? [] : In;

export type Last<S extends readonly Any[]> = S extends readonly []
  ? Any
  : S extends readonly [...unknown[], infer L]
    ? L
    : S[number];

/** The values of a group's parts. Those of a group in it stand among them. */
export type Outputs<
  P extends readonly Any[],
  Before extends readonly unknown[] = [],
> = P extends readonly [infer C, ...infer More extends readonly Any[]]
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
export type Taking<C> = C extends Any
  ? [InputOf<C>] extends [readonly []]
    ? never
    : (args: InputOf<C>) => void
  : never;

export type Header = Iterable<Any> | (Any & { readonly [listed]: unknown });

export type HeaderValues<H> = H extends { readonly [listed]: infer Out }
  ? Out
  : H extends readonly Any[]
    ? Outputs<H>
    : H extends Iterable<infer C>
      ? Values<C>[number][]
      : never;

export type HeaderInput<H> = H extends readonly Any[]
  ? Shared<H[number], H[0]>
  : H extends Iterable<infer C>
    ? Shared<C>
    : InputOf<H>;
