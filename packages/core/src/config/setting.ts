/** One row of the configuration table: its type, unit, default, environment variable and check. */
import { type Duration, formatMilliseconds, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { shownText } from '../broker/shown-address.js';
import { formatBytes } from '../protocol/bytes.js';

/** What a setting says of itself; flags, the reference page and `.env.example` are printed from it. */
export interface Setting<T> {
  /** What the value is: `duration`, `bytes`, `number`, `string`, `list`, `boolean`. */
  readonly kind: string;
  readonly default: T;
  /** The default as the docs print it. */
  readonly defaultText: string;
  /** The environment variable. */
  readonly env: string;
  /** The flag of `dtask worker`, where there is one. */
  readonly flag?: string;
  /** What the flag stands for where no value follows it, which it then need not. */
  readonly flagAlone?: string;
  /** One sentence, for the reference. */
  readonly doc: string;
  /** Checks a value from the code or the environment and gives it in its unit. */
  readonly parse: (value: unknown, what: string) => T;
}

type Row<T> = Pick<Setting<T>, 'default' | 'env' | 'doc'> & {
  flag?: string;
  flagAlone?: string;
  defaultText?: string;
};

/** A span of time, kept in milliseconds. */
export function duration({
  minimum = 0,
  ...row
}: Row<number> & { defaultText: string; minimum?: number }): Setting<number> {
  return {
    kind: 'duration',
    ...row,
    parse: (value, what) => {
      const span = toMilliseconds(numeric(value) as Duration, what);
      if (span >= minimum) return span;
      throw new ConfigError(
        `${what} must be at least ${formatMilliseconds(minimum)}, got ${formatMilliseconds(span)}; a number without a unit is milliseconds`,
      );
    },
  };
}

const units: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** A size in bytes: a number, or a text such as `'200MB'`. */
export function bytes(row: Row<number>): Setting<number> {
  const whole = integer({ ...row, minimum: 1 });
  return {
    ...whole,
    kind: 'bytes',
    defaultText: row.defaultText ?? formatBytes(row.default),
    parse: (value, what) => {
      const match = /^\s*(\d+(?:\.\d+)?)\s*([KMG])i?B?\s*$/i.exec(String(value));
      const unit = match && units[(match[2] as string).toUpperCase()];
      if (unit) return whole.parse(Math.round(Number(match[1]) * unit), what);
      if (typeof value === 'string' && !/^-?[\d.]+$/.test(value.trim())) {
        throw new ConfigError(
          `${what} must be a number of bytes or a text such as '200MB', got ${show(value)}`,
        );
      }
      return whole.parse(value, what);
    },
  };
}

/** One of several words. */
export function choice<T extends string>(row: Row<T> & { of: readonly T[] }): Setting<T> {
  const { of: allowed, ...rest } = row;
  return {
    kind: 'string',
    defaultText: row.default,
    ...rest,
    parse: (value, what) => {
      if (allowed.includes(value as T)) return value as T;
      throw new ConfigError(`${what} must be one of ${allowed.join(', ')}, got ${show(value)}`);
    },
  };
}

/** A whole number. */
export function integer(row: Row<number> & { minimum: number; maximum?: number }): Setting<number> {
  const { minimum, maximum = Number.MAX_SAFE_INTEGER, ...rest } = row;
  const range =
    row.maximum === undefined ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
  return {
    kind: 'number',
    defaultText: String(row.default),
    ...rest,
    parse: (value, what) => {
      const parsed = numeric(value);
      if (Number.isSafeInteger(parsed) && minimum <= (parsed as number)) {
        if ((parsed as number) <= maximum) return parsed as number;
      }
      throw new ConfigError(`${what} must be a whole number ${range}, got ${show(value)}`);
    },
  };
}

/** A text; `pattern` says which ones are allowed. */
export function text(row: Row<string> & { pattern?: RegExp; expects?: string }): Setting<string> {
  const { pattern, expects, ...rest } = row;
  return {
    kind: 'string',
    defaultText: JSON.stringify(row.default),
    ...rest,
    parse: (value, what) => {
      if (typeof value === 'string' && (pattern?.test(value) ?? true)) return value;
      throw new ConfigError(`${what} must be ${expects ?? 'a string'}, got ${show(value)}`);
    },
  };
}

/** Several texts: an array in code, parted by commas elsewhere. */
export function list(
  row: Row<readonly string[]> & { pattern: RegExp; expects: string },
): Setting<readonly string[]> {
  const { pattern, expects, ...rest } = row;
  return {
    kind: 'list',
    defaultText: row.default.join(',') || '(none)',
    ...rest,
    parse: (value, what) => {
      const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
      if (
        Array.isArray(items) &&
        items.every((item) => typeof item === 'string' && pattern.test(item))
      ) {
        return items as string[];
      }
      throw new ConfigError(
        `${what} must be names parted by commas, each of ${expects}, got ${show(value)}`,
      );
    },
  };
}

/** Yes or no. */
export function boolean(row: Row<boolean>): Setting<boolean> {
  return {
    kind: 'boolean',
    defaultText: String(row.default),
    ...row,
    parse: (value, what) => {
      const known = typeof value === 'string' ? words.get(value.trim().toLowerCase()) : value;
      if (typeof known === 'boolean') return known;
      throw new ConfigError(`${what} must be true or false, got ${show(value)}`);
    },
  };
}

const words: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
]);

/** The environment and flags give text; a number in it becomes one. */
function numeric(value: unknown): unknown {
  return typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
}

/** Prints a value in an error; an address in it loses its secrets. */
export function show(value: unknown): string {
  if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`;
  // JSON has no NaN and no Infinity, and writes null.
  if (typeof value === 'number') return String(value);
  try {
    const withoutSecrets = (_key: string, part: unknown): unknown =>
      typeof part === 'string' ? shownText(part) : part;
    return JSON.stringify(value, withoutSecrets) ?? String(value);
  } catch {
    // A cycle or a BigInt: its kind says enough.
    return typeof value;
  }
}
