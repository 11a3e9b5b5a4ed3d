/** An Error in parts: what `$error` keeps of it, and how those parts become an Error again. */
import { types } from 'node:util';

/** What is kept of an Error. A part that the Error did not have is absent. */
export interface ErrorParts {
  name: string;
  message: string;
  stack?: string;
  cause?: unknown;
  code?: string | number;
  /** The errors inside an AggregateError. */
  errors?: readonly unknown[];
  /** Its own enumerable properties, such as `errno` or `status`. */
  props?: Readonly<Record<string, unknown>>;
}

type ErrorClass = new (message: string) => Error;

const builtins = new Map<string, ErrorClass>([
  ['EvalError', EvalError],
  ['RangeError', RangeError],
  ['ReferenceError', ReferenceError],
  ['SyntaxError', SyntaxError],
  ['TypeError', TypeError],
  ['URIError', URIError],
]);

/** Whether a value is an Error, of this realm or another, native or by `Object.create`. */
export function isError(value: object): value is Error {
  return types.isNativeError(value) || value instanceof Error;
}

/** The errors of an AggregateError or a class that extends it. Others' `errors` are properties. */
export function errorsOf(error: object): readonly unknown[] | undefined {
  const own = Object.getOwnPropertyDescriptor(error, 'errors');
  return own !== undefined && !own.enumerable && Array.isArray(own.value) ? own.value : undefined;
}

/** The own enumerable keys that travel as `props`. */
export function propsOf(error: object): string[] {
  return Object.keys(error).filter((key) => !isReserved(key) && !isCode(error, key));
}

/**
 * Whether a property must not be set from outside: the parts that travel by themselves, and what
 * every Error inherits, such as `toString`, which must stay callable whatever a message says.
 */
export function isReserved(key: string): boolean {
  return key === 'stack' || key === 'cause' || key in Error.prototype;
}

function isCode(error: object, key: string): boolean {
  return key === 'code' && codeOf(error) !== undefined;
}

/** The error's `code`, its own or its class's, when it is one: `ENOENT`, 20. */
export function codeOf(error: object): string | number | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' || Number.isFinite(code) ? (code as string | number) : undefined;
}

/**
 * The name of an error's class. `class DiskFull extends Error {}` sets no `name` and inherits
 * 'Error', which says less than its class does.
 */
export function nameOf(error: object): unknown {
  const { name, constructor } = error as { name?: unknown; constructor?: unknown };
  if (!isError(error) || typeof constructor !== 'function' || constructor.name === '') return name;
  const inherited =
    !Object.hasOwn(error, 'name') && !Object.hasOwn(constructor.prototype as object, 'name');
  return inherited ? constructor.name : name;
}

/** Makes an Error of its parts: of its own class when that is built in, else one with its name. */
export function reviveError(parts: ErrorParts): Error {
  const error =
    parts.errors || parts.name === 'AggregateError'
      ? new AggregateError(parts.errors ?? [], parts.message)
      : new (builtins.get(parts.name) ?? Error)(parts.message);
  if (error.name !== parts.name) hide(error, 'name', parts.name);
  // Without one, the stack would lead into this file, where nothing went wrong.
  hide(error, 'stack', parts.stack ?? `${parts.name}: ${parts.message}`);
  if ('cause' in parts) hide(error, 'cause', parts.cause);
  for (const [key, value] of Object.entries(parts.props ?? {})) {
    if (!isReserved(key) && !(parts.errors && key === 'errors')) show(error, key, value);
  }
  if (parts.code !== undefined) show(error, 'code', parts.code);
  return error;
}

/** As builtin errors keep `message` and `stack`: there, but not among the keys. */
function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true });
}

function show(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: true,
  });
}
