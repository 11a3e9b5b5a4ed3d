/** What a task says of how often, how many at a time, and where it runs, checked. Pure. */
import { type PoolKind, poolKinds } from '../config/pool-kind.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { inOwnContext } from '../own-context.js';
import type { RateLimit, TaskOptions } from './options.js';

/** A key of a call's arguments. */
export type KeyOf = (...args: readonly unknown[]) => string;

/** How often a task may start. */
export interface Rate {
  /** The least time between two starts, in milliseconds. */
  readonly interval: number;
  readonly key: KeyOf | undefined;
  readonly scope: 'global' | 'worker';
}

/** The limits of a task. */
export interface TaskLimits {
  readonly rate: Rate | undefined;
  readonly concurrency: { readonly max: number; readonly key: KeyOf | undefined } | undefined;
}

/** How a task is executed. */
export interface Execution {
  readonly limits: TaskLimits;
  readonly atMostOnce: boolean;
  readonly maxCrashes: number;
  readonly pool: PoolKind | undefined;
}

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Gives the time between two starts, in milliseconds; 0 is no limit.
 *
 * @throws ConfigError when it is not a rate
 */
export function rateInterval(value: RateLimit, what = 'rateLimit'): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*\/\s*([smhd])\s*$/.exec(String(value));
  const count = match ? Number(match[1]) : value;
  if (typeof count === 'number' && Number.isFinite(count) && count > 0)
    return (match ? (units[match[2] as string] as number) : 1_000) / count;
  throw new ConfigError(
    `${what} must be a number above 0 of starts a second, or a text such as '10/s', '100/m', '5/h', got ${show(value)}`,
  );
}

/**
 * Checks how a task is to be executed.
 *
 * @throws ConfigError which names the option, what it may be, and what it was
 */
export function executionOf(options: TaskOptions): Execution {
  const { delivery = 'at-least-once', maxCrashes = 3, pool } = options;
  return {
    limits: { rate: rateOf(options), concurrency: concurrencyOf(options) },
    atMostOnce:
      oneOf(delivery, ['at-least-once', 'at-most-once'] as const, 'delivery') === 'at-most-once',
    maxCrashes: atLeastOne(maxCrashes, 'maxCrashes'),
    pool: pool === undefined ? undefined : oneOf(pool, poolKinds, 'pool'),
  };
}

function rateOf({ rateLimit, rateLimitKey, rateLimitScope }: TaskOptions): Rate | undefined {
  const key = keyOf(rateLimitKey, 'rateLimitKey');
  const scope = oneOf(rateLimitScope ?? 'global', ['global', 'worker'] as const, 'rateLimitScope');
  if (rateLimit !== undefined) return { interval: rateInterval(rateLimit), key, scope };
  if (key) throw new ConfigError('rateLimitKey needs a rateLimit');
  return undefined;
}

function concurrencyOf(options: TaskOptions): TaskLimits['concurrency'] {
  const { maxConcurrency, concurrencyKey } = options;
  const key = keyOf(concurrencyKey, 'concurrencyKey');
  if (maxConcurrency !== undefined)
    return { max: atLeastOne(maxConcurrency, 'maxConcurrency'), key };
  if (key) throw new ConfigError('concurrencyKey needs a maxConcurrency');
  return undefined;
}

function keyOf(value: unknown, what: string): KeyOf | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'function') return inOwnContext(value as KeyOf);
  throw new ConfigError(`${what} must be a function of the task's arguments, got ${show(value)}`);
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], what: string): T {
  if (allowed.includes(value as T)) return value as T;
  throw new ConfigError(`${what} must be one of ${allowed.join(', ')}, got ${show(value)}`);
}

function atLeastOne(value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw new ConfigError(`${what} must be a whole number of at least 1, got ${show(value)}`);
}
