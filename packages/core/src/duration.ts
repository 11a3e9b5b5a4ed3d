/** Durations as users write them: a number of milliseconds, or a string such as `'10s'`. */
import { shownText } from './broker/shown-address.js';
import { ConfigError } from './errors.js';

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w';

/**
 * A span of time: a number is milliseconds, a string has its unit (`'250ms'`, `'10s'`, `'5m'`,
 * `'1.5h'`, `'7d'`, `'2w'`).
 */
export type Duration = number | `${number}${Unit}`;

const milliseconds: Readonly<Record<Unit, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Longest span of a timer, in milliseconds: Node's fire at once where they are to wait longer. */
export const longestTimer = 2 ** 31 - 1;

/**
 * Gives a duration in milliseconds.
 *
 * @param value the duration
 * @param what the option's name, for the error
 * @throws ConfigError when it is not a duration, or is negative
 */
export function toMilliseconds(value: Duration, what: string): number {
  const parsed = typeof value === 'string' ? parse(value) : value;
  if (typeof parsed !== 'number' || !Number.isFinite(parsed) || parsed < 0) {
    throw new ConfigError(
      `${what} must be a number of milliseconds or a string such as '10s' or '5m', got ${shown(value)}`,
    );
  }
  return parsed;
}

/** A text that stands where a duration should may be anything, such as an address with a password. */
const shown = (value: unknown): string =>
  JSON.stringify(typeof value === 'string' ? shownText(value) : value) ?? String(value);

function parse(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*$/.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * milliseconds[match[2] as Unit];
}

/** Gives whole milliseconds as the shortest exact duration: `90000` is `90s`, `3600000` is `1h`. */
export function toDuration(value: number): Duration {
  const units = (Object.keys(milliseconds) as Unit[]).toReversed();
  const unit = units.find(
    (each) => value >= milliseconds[each] && value % milliseconds[each] === 0,
  );
  return unit === undefined ? `${value}ms` : `${value / milliseconds[unit]}${unit}`;
}

/** Prints milliseconds for a person: `850ms`, `12s`, `2m 5s`. */
export function formatMilliseconds(value: number): string {
  if (value < 1_000) return `${Math.round(value)}ms`;
  if (value < 60_000) return `${Number((value / 1_000).toFixed(1))}s`;
  const minutes = Math.floor(value / 60_000);
  const seconds = Math.round((value % 60_000) / 1_000);
  return seconds === 0 ? `${minutes}m` : `${minutes}m ${seconds}s`;
}
