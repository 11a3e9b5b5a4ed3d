/** What the worker of a queue does about a time in which Redis was away: tasks that run stay its own. */
import { findScript, hearersCommand, lifeChannel, OwnScript } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { JobLock, LockState } from './job-lock.js';
import { lockTimes } from './life-sign.js';

/**
 * Renews locks, and takes those anew that have lapsed because nobody could renew them. A job that is
 * still among the active ones, has no lock, and was not begun again since, has been taken over by
 * nobody. The first command that writes needs no memory: Redis takes what is behind it also where it has
 * none left. KEYS: the active jobs; those that may have stalled. ARGV: what the key of a job begins with;
 * how long a lock holds, in milliseconds; of each job the id, the token, and how often it had been begun.
 * Gives for each whether the lock is held (1) or lost (0), or there is no such job (2).
 */
const renewScript = `
local states, active = {}, nil
-- Read once, and only where a lock has lapsed: all running tasks of the queue are in it.
local function isActive(id)
  if not active then
    active = {}
    for _, one in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do active[one] = true end
  end
  return active[id]
end
for at = 3, #ARGV, 3 do
  local id, token = ARGV[at], ARGV[at + 1]
  local key = ARGV[1] .. id
  local lock = key .. ':lock'
  local held = redis.call('GET', lock)
  local state = 0
  if held == token then
    redis.call('PEXPIRE', lock, ARGV[2])
    redis.call('SREM', KEYS[2], id)
    state = 1
  elseif not held then
    if redis.call('EXISTS', key) == 0 then state = 2
    elseif redis.call('HGET', key, 'ats') == ARGV[at + 2] and isActive(id) then
      redis.call('SREM', KEYS[2], id)
      redis.call('SET', lock, token, 'PX', ARGV[2])
      state = 1
    end
  end
  states[#states + 1] = state
end
return states`;

const renew = new OwnScript<number[]>(2, renewScript);

const lockStates: readonly LockState[] = ['lost', 'held', 'gone'];

/** Most locks that one script renews. */
const portion = 1_000;

/** The field of BullMQ's hash of a queue's own settings in which the time of the last look is. */
const lookedAt = 'dtask.looked';

/**
 * Takes the locks of those away that have no connection any more, and have not renewed them for as long
 * as orphaned locks hold: their worker is dead. A worker counts as gone that was missed at an earlier look
 * and still is: another may have just lost a connection. Locks of other kinds lapse by themselves. Beside BullMQ's
 * arguments stand: how long orphaned locks hold, in milliseconds; what the channel of a worker begins with; the
 * command that counts who hears that.
 */
const orphans = `
local hold = tonumber(ARGV[7])
local missing = {}
local function isMissing(holder)
  if missing[holder] == nil then
    missing[holder] = false
    -- A server that refuses to say tells nothing for the worker.
    local heard = redis.pcall('PUBSUB', ARGV[9], ARGV[8] .. holder)
    if type(heard[2]) ~= 'number' or heard[2] == 0 then
      local mark = KEYS[1] .. ':missing:' .. holder
      local since = redis.call('GET', mark)
      if since then missing[holder] = now - since >= hold / 4
      else redis.call('SET', mark, string.format('%.0f', now), 'PX', 4 * hold) end
    end
  end
  return missing[holder]
end
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local lock = ARGV[2] .. id .. ':lock'
  local holder, span = string.match(redis.call('GET', lock) or '', '^([%w_-]+)%.(%d+)%.')
  if holder then
    local silent = span - redis.call('PTTL', lock)
    if silent >= hold / 2 and isMissing(holder) and silent >= hold then redis.call('DEL', lock) end
  end
end
`;

/**
 * Goes ahead of BullMQ's own script, in one piece with it. Where nobody has looked for so long that
 * locks may have lapsed in between, Redis was away: locks are not missed until those who live had
 * the time to take them anew. A worker that has only just started knows nothing of that: it may be
 * the first one for days. Beside BullMQ's arguments stand: '1' from a worker that has looked before;
 * after how long without a look Redis was away, and how long to wait then, in milliseconds.
 */
const grace = `
if redis.call('EXISTS', KEYS[4]) == 0 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local last = redis.call('HGET', KEYS[5], '${lookedAt}')
  local away = last and ARGV[5] == '1' and now - last > tonumber(ARGV[6])
  -- Nobody looks while the sign stands: that time is not one in which Redis is away.
  if away then now = now + ARGV[7] end
  redis.call('HSET', KEYS[5], '${lookedAt}', string.format('%.0f', now))
  if away then
    redis.call('SET', KEYS[4], 'away', 'PX', ARGV[7])
    return {}
  end
  ${orphans}
end
`;

const command = 'dtaskMoveStalled';
type Scripted = Redis & Record<typeof command, (...args: unknown[]) => Promise<string[]>>;

/** What is known of a queue. */
export interface OutagePlace {
  readonly connection: Redis;
  /** Makes a key of the queue; with '' what the keys of its jobs begin with. */
  readonly toKey: (type: string) => string;
  /** First part of every key. */
  readonly prefix: string;
  /** In milliseconds. */
  readonly lockDuration: number;
  /** In milliseconds. */
  readonly stalledInterval: number;
}

/** Tells jobs whose worker has died from those whose worker could not reach Redis. */
export class Outage {
  readonly #place: OutagePlace;
  #looked = false;

  constructor(place: OutagePlace) {
    this.#place = place;
  }

  /** Renews the locks of jobs that run here, and takes those anew that have lapsed; says what became of each. */
  async renew(locks: readonly JobLock[]): Promise<LockState[]> {
    const { connection, toKey, lockDuration } = this.#place;
    const keys = [toKey('active'), toKey('stalled')];
    const states: number[] = [];
    for (let from = 0; from < locks.length; from += portion) {
      const given = locks
        .slice(from, from + portion)
        .flatMap(({ job, token }) => [job.id, token, job.attemptsStarted]);
      states.push(...(await renew.run(connection, ...keys, toKey(''), lockDuration, ...given)));
    }
    return states.map((state) => lockStates[state] ?? 'lost');
  }

  /**
   * Looks for jobs without a lock, by BullMQ's script.
   *
   * @param args BullMQ's arguments
   * @returns the ids of those that are to run again; nothing where the connection does not have the script
   */
  look(args: readonly unknown[]): Promise<string[]> | undefined {
    const { connection, prefix, lockDuration, stalledInterval } = this.#place;
    const { orphaned } = lockTimes(lockDuration);
    if (!(command in connection)) {
      const script = findScript(connection, 'moveStalledJobsToWait');
      if (!script) return undefined;
      const { lua, numberOfKeys } = script;
      connection.defineCommand(command, { lua: grace + lua, numberOfKeys });
    }
    const away = Math.max(orphaned, 2 * stalledInterval);
    const hearers = hearersCommand(connection);
    const said = [this.#looked ? '1' : '0', away, orphaned, lifeChannel(prefix, ''), hearers];
    this.#looked = true;
    return (connection as Scripted)[command](...args, ...said);
  }
}
