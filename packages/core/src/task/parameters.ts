/** What can be known at run time of the parameters that a function takes. */
import 'reflect-metadata';
import { numberArrays } from '../codec/index.js';
import { ArgumentsError } from '../errors.js';

/** The parameters of a task's function, as far as they show at run time. */
export interface Parameters {
  /** The most arguments that it takes; `undefined` where that cannot be known. */
  readonly most: number | undefined;
  /** What `emitDecoratorMetadata` wrote of their types. */
  readonly types: readonly unknown[];
}

/**
 * A parameter list of names alone, in a function, a method or an arrow function. With a default, a
 * rest or a pattern the list says less, and the check is left out.
 */
const namesOnly =
  /^(?:async\b\s*)?(?:function\b\s*)?\*?\s*(?:[\w$]+|\[[^\]]*\])?\s*\(\s*([\w$]+(?:\s*,\s*[\w$]+)*\s*,?)?\s*\)/;
/** Bound functions and those of the platform do not show their parameters. */
const native = /\{\s*\[native code\]\s*\}\s*$/;
const loneName = /^(?:async\s+)?[\w$]+\s*=>/;

/**
 * What is known of a wrapped function: how many arguments it takes, where its list of parameters is
 * plain. That is read in its source, which can only leave the check out where it says less.
 */
export function parametersOf(fn: (...args: never[]) => unknown): Parameters {
  const source = Function.prototype.toString.call(fn);
  const plain =
    (namesOnly.test(source) || loneName.test(source)) &&
    !source.includes('arguments') &&
    !native.test(source);
  return { most: plain ? fn.length : undefined, types: [] };
}

/** What is known of a decorated method: what the compiler wrote of it, and nothing without that. */
export function parametersOfMethod(
  { length }: (...args: never[]) => unknown,
  owner: object | undefined,
  key: string | symbol | undefined,
): Parameters {
  const types: unknown =
    owner === undefined || key === undefined
      ? undefined
      : Reflect.getMetadata('design:paramtypes', owner, key);
  if (!Array.isArray(types)) return { most: undefined, types: [] };
  // With a default or a rest the function's length is less. The last type may be that of a rest parameter's items.
  return types.length === length
    ? { most: length, types }
    : { most: undefined, types: types.slice(0, -1) };
}

/**
 * Checks arguments against what is known of the parameters.
 *
 * A missing argument cannot be told from an optional one at run time, so too few are TypeScript's
 * to refuse, or a schema's.
 *
 * @throws ArgumentsError which names the argument
 */
export function checkArguments(
  task: string,
  parameters: Parameters,
  args: readonly unknown[],
): void {
  const { most, types } = parameters;
  if (most !== undefined && args.length > most) {
    throw new ArgumentsError(
      `task ${task} takes at most ${most} ${most === 1 ? 'argument' : 'arguments'}, got ${args.length}`,
    );
  }
  for (let index = 0; index < types.length; index += 1) {
    const type = types[index];
    const value = args[index];
    // Metadata drops `| null` and `?`, so both must pass.
    if (value === undefined || value === null) continue;
    const expected = mismatch(type, value);
    if (expected) {
      throw new ArgumentsError(
        `task ${task}: args[${index}] must be ${expected}, got ${describe(value)}`,
      );
    }
  }
}

const primitives = new Map<unknown, string>([
  [Number, 'number'],
  [String, 'string'],
  [Boolean, 'boolean'],
  [BigInt, 'bigint'],
]);

/** The classes whose instances the codec carries, so that a check by class holds on both sides. */
const carried: ReadonlySet<unknown> = new Set([
  Array,
  Date,
  Map,
  Set,
  RegExp,
  URL,
  Error,
  Buffer,
  ArrayBuffer,
  DataView,
  ...numberArrays,
]);

function mismatch(type: unknown, value: unknown): string | undefined {
  const primitive = primitives.get(type);
  if (primitive) return typeof value === primitive ? undefined : `a ${primitive}`;
  if (!carried.has(type) || value instanceof (type as new () => object)) return undefined;
  return `of the class ${(type as { name: string }).name}`;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value !== 'object' || value === null) return `the ${typeof value} ${String(value)}`;
  return Array.isArray(value)
    ? 'an array'
    : `an object of the class ${value.constructor?.name ?? 'null'}`;
}
