/** Limits of tasks that were changed at run time: kept in Redis, in place of what the tasks declare. */
import type { Redis } from 'ioredis';
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { limitsKey } from '../protocol/keys.js';
import { checkName } from '../task/definition.js';
import { rateInterval } from '../task/limits.js';
import type { RateLimit } from '../task/options.js';

/** Time limits, as `app.control.timeLimit` takes them. */
export interface TimeLimits {
  /** When the task's `signal` fires. */
  soft?: Duration;
  /** When the task is killed. */
  hard?: Duration;
}

/** What was changed for one task. */
export interface LimitOverride {
  /** As it was given, such as `'5/m'`. */
  readonly rateLimit?: RateLimit;
  /** In milliseconds. */
  readonly softTimeLimit?: number;
  readonly timeLimit?: number;
}

/** One change: a field of the hash, and its value; `null` removes it. */
export interface LimitChange {
  readonly task: string;
  readonly kind: 'rate' | 'time';
  readonly value: LimitOverride | null;
}

/**
 * Checks a change of a rate.
 *
 * @throws ConfigError when it is not a rate
 */
export function rateChange(task: string, rate: RateLimit | null): LimitChange {
  checkName(task);
  if (rate === null) return { task, kind: 'rate', value: null };
  rateInterval(rate);
  return { task, kind: 'rate', value: { rateLimit: rate } };
}

/**
 * Checks a change of time limits.
 *
 * @throws ConfigError when they are not durations, or the soft one is not below the hard one
 */
export function timeChange(task: string, limits: TimeLimits | null): LimitChange {
  checkName(task);
  if (limits === null) return { task, kind: 'time', value: null };
  if (typeof limits !== 'object')
    throw new ConfigError(`time limits are { soft?, hard? } or null, got ${show(limits)}`);
  refuseUnknown({ ...limits }, ['soft', 'hard'], 'timeLimit');
  const soft = limits.soft === undefined ? undefined : toMilliseconds(limits.soft, 'soft');
  const hard = limits.hard === undefined ? undefined : toMilliseconds(limits.hard, 'hard');
  if (soft === undefined && hard === undefined)
    throw new ConfigError('timeLimit takes { soft }, { hard } or both; null removes what was set');
  if (soft !== undefined && hard !== undefined && hard > 0 && soft >= hard) {
    throw new ConfigError(
      `the soft time limit must be below the hard one, so that the task has time to clean up, got ${show(limits.soft)} and ${show(limits.hard)}`,
    );
  }
  return {
    task,
    kind: 'time',
    value: {
      ...(soft !== undefined && { softTimeLimit: soft }),
      ...(hard !== undefined && { timeLimit: hard }),
    },
  };
}

/** Keeps a change. */
export async function keepLimit(
  connection: Redis,
  prefix: string,
  { task, kind, value }: LimitChange,
): Promise<void> {
  const field = `${kind}:${task}`;
  if (value === null) await connection.hdel(limitsKey(prefix), field);
  else await connection.hset(limitsKey(prefix), field, JSON.stringify(value));
}

/** Reads what was changed, by the task's name. What is damaged is passed over. */
export async function readLimits(
  connection: Redis,
  prefix: string,
): Promise<Map<string, LimitOverride>> {
  const overrides = new Map<string, LimitOverride>();
  for (const [field, text] of Object.entries(await connection.hgetall(limitsKey(prefix)))) {
    const [, kind, task] = /^(rate|time):(.+)$/s.exec(field) ?? [];
    if (kind === undefined || task === undefined) continue;
    const value = parse(kind, text);
    if (value) overrides.set(task, { ...overrides.get(task), ...value });
  }
  return overrides;
}

function parse(kind: string, text: string): LimitOverride | undefined {
  try {
    const { rateLimit, softTimeLimit, timeLimit } = JSON.parse(text) as LimitOverride;
    if (kind === 'rate') {
      if (rateLimit === undefined) return undefined;
      rateInterval(rateLimit);
      return { rateLimit };
    }
    return {
      ...(typeof softTimeLimit === 'number' && { softTimeLimit }),
      ...(typeof timeLimit === 'number' && { timeLimit }),
    };
  } catch {
    // The task then has the limits that it declares.
    return undefined;
  }
}
