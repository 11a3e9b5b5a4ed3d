/** Ends tasks that have not started, wherever in a canvas they are: those not sent yet as well. */
import type { Redis } from 'ioredis';
import { OwnScript } from '../broker/own-script.js';
import { clockOf } from '../broker/server-clock.js';
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError, TaskRevokedError } from '../errors.js';
import { lockKey, replyChannel, resultKey } from '../protocol/keys.js';
import { encodeOutcome } from '../protocol/outcome.js';

/** A task and its queue. */
export interface PlacedTask {
  readonly id: string;
  readonly queue: string;
}

/** A task, and the queue that it was sent to where that is known. */
export interface SoughtTask {
  readonly id: string;
  readonly queue?: string | undefined;
}

/** A task of a canvas, and where it is or will be sent. */
export interface Revocable extends PlacedTask {
  readonly task: string;
}

/** How `revoke()` ends a task. */
export interface RevokeResultOptions {
  /** Also kill it where it runs, if the worker's pool can. @default false */
  terminate?: boolean;
}

/**
 * Checks how `revoke()` is to end a task.
 *
 * @throws ConfigError when an option is unknown or of the wrong kind
 */
export function checkRevoke(options: RevokeResultOptions): void {
  refuseUnknown({ ...options }, ['terminate'], 'revoke');
  checkTerminate(options.terminate);
}

/**
 * Checks whether tasks that run are to be killed.
 *
 * @throws ConfigError when it is neither true nor false
 */
export function checkTerminate(terminate: unknown): void {
  if (terminate === undefined || typeof terminate === 'boolean') return;
  throw new ConfigError(`terminate must be true or false, got ${show(terminate)}`);
}

/** Tells by its record whether a task has ended, for scripts. The pattern is how `encodeOutcome` begins. */
export const hasEnded = `
local function hasEnded(key)
  local old = redis.call('GET', key)
  local state = old and string.match(old, '^{"v":1,"id":"[^"]*","state":"(%u+)"')
  return state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED' or state == 'IGNORED'
end
`;

/**
 * Stores a record, unless the task runs or has ended: whoever takes its message then finds it, and
 * does not run it. KEYS: the record, the lock of a task that runs. ARGV: the record, how long to
 * keep it, the channel of the caller, or ''.
 */
const script = `${hasEnded}
if redis.call('EXISTS', KEYS[2]) == 1 or hasEnded(KEYS[1]) then return 0 end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else
  -- A task that waits for others is to find it, however late it comes.
  local left = redis.call('PTTL', KEYS[1])
  redis.call('SET', KEYS[1], ARGV[1], 'PX', string.format('%.0f', math.max(left, tonumber(ARGV[2]))))
end
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[3], '[' .. ARGV[1] .. ']') end
redis.call('PUBLISH', KEYS[1], '')
return 1`;

const revoke = new OwnScript<number>(2, script);

/**
 * Stores the record of a task that is not to run, unless it runs or has ended.
 *
 * @param keep how long it is kept, in milliseconds; 0 for ever
 * @param channel of its caller; '' for none
 * @returns whether it was stored
 */
export async function storeRevocation(
  connection: Redis,
  { record, lock }: { readonly record: string; readonly lock: string },
  text: string,
  keep: number,
  channel: string,
): Promise<boolean> {
  return (await revoke.run(connection, record, lock, text, Math.ceil(keep), channel)) === 1;
}

/** Where revocations are stored, and who hears of them. */
export interface RevocationPlace {
  readonly prefix: string;
  readonly caller: string;
  /** How long results are kept, in milliseconds. */
  readonly keep: number;
}

/** Revokes tasks; gives how many it has ended. */
export async function revokeTasks(
  connection: Redis,
  tasks: readonly Revocable[],
  { prefix, caller, keep }: RevocationPlace,
): Promise<number> {
  const error = new TaskRevokedError('its canvas was revoked before it could start');
  const ended = await Promise.all(
    tasks.map(({ id, task, queue }) => {
      const record = encodeOutcome(
        { id, task, state: 'REVOKED', error, at: clockOf(connection).now() },
        Number.MAX_SAFE_INTEGER,
      );
      const keys = { record: resultKey(prefix, id), lock: lockKey(prefix, queue, id) };
      const channel = replyChannel(prefix, caller);
      return storeRevocation(connection, keys, record, keep, channel);
    }),
  );
  return ended.filter(Boolean).length;
}
