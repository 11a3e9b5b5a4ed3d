/** One call, frozen: what its task says and what the call says, merged and checked. Pure. */
import type { Moment } from '../broker/server-clock.js';
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, toDuration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { reservedIds } from '../protocol/keys.js';
import type { CallSettings, MessageRetry, Uniqueness } from '../protocol/call-settings.js';
import type { Call, Message } from '../protocol/message.js';
import { type CallOptions, callOptionKeys, type UniqueOptions } from './options.js';
import { retryNumbers } from './retry-policy.js';

export type { CallSettings };

const none: CallSettings = Object.freeze({});

/**
 * Checks the options of a call.
 *
 * @throws ConfigError which names the option, what it may be, and what it was
 */
export function checkCallOptions(options: CallOptions | undefined): CallSettings {
  if (options === undefined) return none;
  refuseUnknown(options as Record<string, unknown>, callOptionKeys, 'a call');
  const retry = callRetry(options);
  return { ...callSettings(options), ...(retry && { retry }) };
}

/** Checks the options that a call and a task have in common, but for retries. */
export function callSettings(options: CallOptions): CallSettings {
  const settings: { -readonly [K in keyof CallSettings]: CallSettings[K] } = {};
  if (options.queue !== undefined) settings.queue = queueName(options.queue);
  if (options.priority !== undefined) settings.priority = priority(options.priority);
  if (options.countdown !== undefined)
    settings.countdown = toMilliseconds(options.countdown, 'countdown');
  if (options.eta !== undefined) settings.eta = pointInTime(options.eta, 'eta');
  if (options.expires !== undefined) Object.assign(settings, expiry(options.expires));
  if (options.id !== undefined) settings.id = taskId(options.id);
  if (options.headers !== undefined) settings.headers = headers(options.headers);
  if (options.ignoreResult !== undefined)
    settings.ignoreResult = flag(options.ignoreResult, 'ignoreResult');
  if (options.resultExpires !== undefined) {
    settings.resultExpires = toMilliseconds(options.resultExpires, 'resultExpires');
  }
  Object.assign(settings, timeLimits(options));
  if (options.unique !== undefined) settings.unique = uniqueness(options.unique);
  if (settings.countdown !== undefined && settings.eta !== undefined) {
    throw new ConfigError('a call takes countdown or eta, not both');
  }
  return settings;
}

/** What surrounds a call: who makes it, and when. */
export interface CallPlace extends Moment {
  readonly newId: () => string;
  readonly reply: string | undefined;
  readonly defaultQueue: string;
  readonly root: string | undefined;
  readonly parent: string | undefined;
}

/** Merges what the task and the call say into the call that is sent. */
export function freezeCall(
  name: string,
  args: readonly unknown[],
  task: CallSettings,
  call: CallSettings,
  place: CallPlace,
): Call {
  // Not by a spread, here and wherever each call passes: V8 takes a microsecond for an object to which
  // more is added behind one, and makes a new hidden class each time.
  const merged: CallSettings = call === none ? task : Object.assign({}, task, call);
  const due = call.countdown === undefined && call.eta === undefined ? task : call;
  const { now, unsure } = place;
  const delay = Math.max(0, due.eta === undefined ? (due.countdown ?? 0) : due.eta - now);
  const lapse = call.expiresIn === undefined && call.expiresAt === undefined ? task : call;
  const expires = lapse.expiresIn === undefined ? lapse.expiresAt : now + lapse.expiresIn;
  const message: { -readonly [K in keyof Message]: Message[K] } = {
    id: call.id ?? place.newId(),
    name,
    args,
  };
  // Nothing that equals a default is written: a waiting message costs memory in Redis.
  if (merged.ignoreResult) message.ignoreResult = true;
  else if (place.reply !== undefined) message.reply = place.reply;
  if (merged.headers !== undefined) message.headers = { ...task.headers, ...call.headers };
  if (delay > 0) message.eta = due.eta ?? now + delay;
  else if (unsure !== undefined && due.eta !== undefined) message.eta = due.eta;
  if (expires !== undefined) message.expires = expires;
  if (merged.resultExpires !== undefined) message.resultExpires = merged.resultExpires;
  if (call.retry !== undefined) message.retry = call.retry;
  if (call !== none && (call.timeLimit ?? call.softTimeLimit) !== undefined)
    assertTimeToCleanUp(merged.softTimeLimit, merged.timeLimit, ', with what the task declares');
  // As with retries: what the task says the worker knows.
  if (call.timeLimit !== undefined) message.timeLimit = call.timeLimit;
  if (call.softTimeLimit !== undefined) message.softTimeLimit = call.softTimeLimit;
  if (place.root !== undefined) message.root = place.root;
  if (place.parent !== undefined) message.parent = place.parent;
  const queue = merged.queue ?? place.defaultQueue;
  const frozen: Call = { message, queue, priority: merged.priority ?? 0, delay };
  if (unsure === undefined || (delay === 0 && expires === undefined && due.eta === undefined))
    return frozen;
  const eta = delay > 0 && due.eta === undefined;
  const reckoned = { at: unsure, now, eta, expires: lapse.expiresIn !== undefined };
  return Object.assign({}, frozen, { reckoned });
}

/** Only what the call gives travels; the rest is the worker's to know. */
function callRetry(options: CallOptions): MessageRetry | undefined {
  const checked = retryNumbers(options);
  const retry: { -readonly [K in keyof MessageRetry]: MessageRetry[K] } = {};
  if (options.maxRetries !== undefined) retry.max = checked.max;
  if (options.retryDelay !== undefined) retry.delay = checked.delay;
  if (options.retryDelay !== undefined || options.retryBackoff !== undefined)
    retry.backoff = checked.backoff;
  if (options.retryBackoffMax !== undefined) retry.backoffMax = checked.backoffMax;
  if (options.retryJitter !== undefined) retry.jitter = checked.jitter;
  return Object.keys(retry).length > 0 ? retry : undefined;
}

function queueName(value: unknown): string {
  if (typeof value === 'string' && /^[\w.@-]+$/.test(value)) return value;
  throw new ConfigError(
    `queue must be made of letters, digits and any of . _ @ -, got ${show(value)}`,
  );
}

function priority(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 9)
    return value as number;
  throw new ConfigError(
    `priority must be a whole number from 0 (first) to 9 (last), got ${show(value)}`,
  );
}

function pointInTime(value: unknown, what: string): number {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime();
  const isText = typeof value === 'string' || typeof value === 'number';
  const advice = isText
    ? `, such as new Date('2027-01-31T09:00:00Z')${what === 'eta' ? "; for a wait from now take countdown: '10s'" : ''}`
    : '';
  const got = value instanceof Date ? 'an invalid one' : show(value);
  throw new ConfigError(`${what} must be a valid Date, got ${got}${advice}`);
}

function expiry(value: Duration | Date): Pick<CallSettings, 'expiresIn' | 'expiresAt'> {
  if (value instanceof Date) return { expiresAt: pointInTime(value, 'expires') };
  return { expiresIn: toMilliseconds(value, 'expires') };
}

/**
 * Checks the limits of a run.
 *
 * @throws ConfigError also when the soft one is not below the hard one
 */
export function timeLimits(
  options: Pick<CallOptions, 'timeLimit' | 'softTimeLimit'>,
): Pick<CallSettings, 'timeLimit' | 'softTimeLimit'> {
  const { timeLimit, softTimeLimit } = options;
  const hard = timeLimit === undefined ? undefined : toMilliseconds(timeLimit, 'timeLimit');
  const soft =
    softTimeLimit === undefined ? undefined : toMilliseconds(softTimeLimit, 'softTimeLimit');
  assertTimeToCleanUp(soft, hard);
  return {
    ...(hard !== undefined && { timeLimit: hard }),
    ...(soft !== undefined && { softTimeLimit: soft }),
  };
}

/** @throws ConfigError when there are both limits, and the soft one is not below the hard one */
function assertTimeToCleanUp(
  soft: number | undefined,
  hard: number | undefined,
  together = '',
): void {
  if (!hard || !soft || soft < hard) return;
  throw new ConfigError(
    `softTimeLimit must be below timeLimit, so that the task has time to clean up; got ${toDuration(soft)} and ${toDuration(hard)}${together}`,
  );
}

function uniqueness(value: unknown): Uniqueness | false {
  if (value === false) return false;
  if (value === true) return { until: 'done' };
  if (typeof value !== 'object' || value === null)
    throw new ConfigError(`unique must be true, false or an object, got ${show(value)}`);
  refuseUnknown(value as Record<string, unknown>, ['key', 'until', 'ttl'], 'unique');
  const { key, until = 'done', ttl } = value as UniqueOptions;
  if (key !== undefined && typeof key !== 'function')
    throw new ConfigError(
      `unique.key must be a function of the task's arguments, got ${show(key)}`,
    );
  if (until !== 'started' && until !== 'done')
    throw new ConfigError(`unique.until must be 'started' or 'done', got ${show(until)}`);
  if (ttl !== undefined && until === 'started')
    throw new ConfigError("unique takes a ttl or until: 'started', not both");
  return {
    until,
    ...(key && { key: key as NonNullable<Uniqueness['key']> }),
    ...(ttl !== undefined && { ttl: toMilliseconds(ttl, 'unique.ttl') }),
  };
}

/** BullMQ takes no id that is a number, nor one with a colon in it. */
function taskId(value: unknown): string {
  if (typeof value === 'string' && reservedIds.has(value)) {
    throw new ConfigError(
      `id must not be ${show(value)}, which names a key of the queue itself; use another one`,
    );
  }
  if (typeof value === 'string' && /^[^\s:\p{C}]{1,255}$/u.test(value) && !/^-?\d+$/.test(value))
    return value;
  throw new ConfigError(
    `id must be 1 to 255 characters, not a whole number, without spaces and colons, got ${show(value)}`,
  );
}

function headers(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ConfigError(`headers must be an object, got ${show(value)}`);
}

function flag(value: unknown, what: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new ConfigError(`${what} must be true or false, got ${show(value)}`);
}
