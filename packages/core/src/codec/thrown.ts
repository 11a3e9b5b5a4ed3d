/** Anything that a task threw, as a bounded JSON tree: a failure must be told even if it is odd. */
import { encode } from './encode.js';
import { codeOf, errorsOf, isError, propsOf, nameOf } from './error.js';
import type { JsonValue } from './json.js';
import { notesIn, notesOf } from './notes.js';
import { describe } from './refusal.js';

/** The longest message and the longest stack that are kept, in characters. */
const maxText = 65_536;

/** How many characters of JSON all properties and values that are not errors may fill together. */
const maxProps = 65_536;

/** How many causes below the first error are kept. */
const maxCauses = 8;

/** How many errors are kept in all, so that errors within errors cannot multiply. */
const maxErrors = 100;

/** How deep properties may be: below 500, since `decode` counts the errors around them too. */
const maxLevels = 400;

/** How many characters all names, messages and stacks may have together. */
const maxTotalText = 524_288;

/** What is left of the bounds, and the errors that are being written, to cut cycles. */
interface Budget {
  text: number;
  props: number;
  errors: number;
  readonly open: object[];
}

/**
 * Turns whatever was thrown into a JSON tree for `decode`. It never throws.
 *
 * Errors become `$error`; properties that cannot travel are dropped; long messages and stacks are
 * cut at 65,536 characters, causes at 8 levels, and cycles where they close. A thrown value that is
 * not an Error travels as itself where it can, and else as an Error that describes it.
 *
 * @example
 * ```ts
 * encodeError(new RangeError('too far'));
 * // { $error: { name: 'RangeError', message: 'too far', stack: '...' } }
 * ```
 */
export function encodeError(error: unknown): JsonValue {
  const budget: Budget = { text: maxTotalText, props: maxProps, errors: maxErrors, open: [] };
  const tree = attempt(() => encodeThrown(error, budget));
  if (tree !== undefined) return tree;
  return { $error: { name: 'Error', message: 'the thrown value cannot be read' } };
}

/** The tree of one thrown value or cause, or undefined where a bound or a cycle cuts it off. */
function encodeThrown(thrown: unknown, budget: Budget): JsonValue | undefined {
  if (typeof thrown === 'string') return cut(thrown, budget);
  if (attempt(() => isObject(thrown) && isError(thrown)) !== true) {
    const tree = encodeBounded(() => thrown, budget);
    if (tree !== undefined) return tree;
  }
  if (budget.errors === 0) return undefined;
  budget.errors--;
  if (!isObject(thrown)) return { $error: { name: 'Error', message: tell(thrown, budget) } };
  if (budget.open.length > maxCauses || budget.open.includes(thrown)) return undefined;
  budget.open.push(thrown);
  const parts = encodeParts(thrown, budget);
  budget.open.pop();
  return { $error: parts };
}

/** Each part is read by itself: a getter that throws costs that part only. */
function encodeParts(error: object, budget: Budget): JsonValue {
  const values = error as Readonly<Record<string, unknown>>;
  const [message, stack] = ['message', 'stack'].map((key) => attempt(() => values[key]));
  const name = attempt(() => nameOf(error));
  const parts: Record<string, JsonValue> = {
    name: typeof name === 'string' ? cut(name, budget) : 'Error',
    message: typeof message === 'string' ? cut(message, budget) : tell(error, budget),
  };
  if (typeof stack === 'string') parts['stack'] = cut(stack, budget);
  const code = attempt(() => codeOf(error));
  if (code !== undefined) parts['code'] = typeof code === 'string' ? cut(code, budget) : code;
  if (attempt(() => Object.hasOwn(error, 'cause')) === true) {
    const cause = attempt(() => encodeThrown(values['cause'], budget));
    if (cause !== undefined) parts['cause'] = cause;
  }
  const errors = attempt(() => errorsOf(error));
  if (errors) parts['errors'] = encodeErrors(errors, budget);
  const props: [string, JsonValue][] = [];
  const noted = notesOf(error);
  for (const key of attempt(() => propsOf(error)) ?? []) {
    if (key === 'notes' && noted.length > 0) continue;
    const value = encodeBounded(() => values[key], budget, key.length);
    if (value !== undefined) props.push([key, value]);
  }
  if (noted.length > 0) {
    const all = [...(attempt(() => notesIn(error)) ?? []), ...noted];
    props.push(['notes', all.map((text) => cut(text, budget))]);
  }
  if (props.length > 0) parts['props'] = Object.fromEntries(props);
  return parts;
}

function encodeErrors(errors: readonly unknown[], budget: Budget): JsonValue {
  const trees: JsonValue[] = [];
  for (let index = 0; index < Math.min(errors.length, maxErrors); index++) {
    const tree = attempt(() => encodeThrown(errors[index], budget));
    if (tree !== undefined) trees.push(tree);
  }
  return trees;
}

/** A value as an inert tree without getters, or undefined when it cannot travel or is too large. */
function encodeBounded(read: () => unknown, budget: Budget, extra = 0): JsonValue | undefined {
  return attempt(() => {
    const text = JSON.stringify(encode(read(), 'error', maxLevels));
    const size = text.length + extra;
    if (size > budget.props) return undefined;
    budget.props -= size;
    return JSON.parse(text) as JsonValue;
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** What was thrown, in words: `an instance of Failure: disk full`. */
function tell(thrown: unknown, budget: Budget): string {
  const kind =
    typeof thrown === 'object' || typeof thrown === 'function'
      ? describe(thrown)
      : `a ${typeof thrown}`;
  const text = typeof thrown === 'function' ? undefined : attempt(() => String(thrown));
  return text === undefined || text.startsWith('[object ') ? kind : cut(`${kind}: ${text}`, budget);
}

function cut(text: string, budget: Budget): string {
  const kept = text.slice(0, Math.min(maxText, budget.text));
  budget.text -= kept.length;
  return kept;
}

/** A thrown value may throw again at each touch; then what was asked of it counts as absent. */
function attempt<T>(touch: () => T): T | undefined {
  try {
    return touch();
  } catch {
    return undefined;
  }
}
