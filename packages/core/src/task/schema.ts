/** Standard Schema (standardschema.dev), the form that zod, valibot, arktype and others share. */
import { ArgumentsError } from '../errors.js';

/**
 * A schema of any library that follows Standard Schema, version 1.
 *
 * @typeParam Input what it takes
 * @typeParam Output what that parses to
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The types that a schema tells; anything where a schema tells none. */
type SchemaTypes<S> = S extends {
  readonly '~standard': { readonly version: 1; readonly types?: infer T };
}
  ? [T] extends [undefined]
    ? Untold
    : unknown extends T
      ? Untold
      : Exclude<T, undefined>
  : never;

// oxlint-disable-next-line typescript/no-explicit-any -- nothing is known, and nothing is refused
type Untold = any;

/** What a schema takes. */
export type SchemaInput<S> = SchemaTypes<S>['input'];

/** What a schema's input parses to. */
export type SchemaOutput<S> = SchemaTypes<S>['output'];

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Whether a value is a Standard Schema. Some libraries' schemas are functions. */
export function isSchema(value: unknown): value is StandardSchema {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    '~standard' in value
  );
}

/**
 * Checks and parses a value; gives a promise only where the schema does.
 *
 * @param path names the value in the error, such as `args`
 * @throws ArgumentsError which lists every issue by its path
 */
export function parseBySchema(
  schema: StandardSchema,
  value: unknown,
  path: string,
  what: string,
): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return result.then((settled) => unwrap(settled, path, what));
  return unwrap(result, path, what);
}

function unwrap(result: SchemaResult<unknown>, path: string, what: string): unknown {
  if (result.issues === undefined) return result.value;
  const lines = result.issues.map((issue) => `${locate(path, issue)}: ${issue.message}`);
  throw new ArgumentsError(`${what} refused by the schema: ${lines.join('; ')}`);
}

function locate(path: string, issue: SchemaIssue): string {
  return (issue.path ?? []).reduce<string>((sofar, step) => {
    const key = typeof step === 'object' ? step.key : step;
    return typeof key === 'number' ? `${sofar}[${key}]` : `${sofar}.${String(key)}`;
  }, path);
}
