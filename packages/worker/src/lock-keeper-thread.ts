/** The thread of the lock keeper: watches the main loop's pulse, and renews what lapses where it stops. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Redis } from 'ioredis';
// Nothing but the connection: the thread must be up before the first task blocks the loop.
import { openConnection } from '@dtask/core/connection';
import type { ClaimAt, KeeperData, KeptQueue, KeptQueues } from './lock-keeper.js';

/**
 * Renews the locks in a part of a list of active jobs that carry one worker's token. KEYS: the list. ARGV: what
 * the keys of jobs and the worker's tokens begin with; how long a lock holds; where the part begins and ends,
 * from the end of the list: what is begun meanwhile moves none out of the next part. Gives how many it has.
 */
const script = `
local part = redis.call('LRANGE', KEYS[1], ARGV[4], ARGV[5])
for _, id in ipairs(part) do
  local lock = ARGV[1] .. id .. ':lock'
  local token = redis.call('GET', lock)
  if token and string.sub(token, 1, string.len(ARGV[2])) == ARGV[2] then
    redis.call('PEXPIRE', lock, ARGV[3])
  end
end
return #part`;

/** How many jobs one script looks at: all workers have theirs in the list. */
const portion = 1_000;

async function renewLocks(connection: Redis, queue: KeptQueue): Promise<void> {
  const { active, jobPrefix, tokenPrefix } = queue;
  let [read, from] = [portion, 0];
  for (; read === portion; from -= portion) {
    const part = [from - portion, from - 1];
    read = (await connection.eval(
      script,
      1,
      active,
      jobPrefix,
      tokenPrefix,
      lockDuration,
      ...part,
    )) as number;
  }
}

/** Renews a claim that still holds. KEYS: as in `KeptClaim`. ARGV: the instance; how long; the name. */
const claimScript = `
local held = redis.call('GET', KEYS[1])
if not held or not string.find(held, ARGV[1], 1, true) then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[3])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return 1`;

/** Goes on listening, where it does. KEYS: the listeners. ARGV: how long; the name. */
const listenScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lapses = redis.call('ZSCORE', KEYS[1], ARGV[2])
if lapses and tonumber(lapses) > now then redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[2]) end`;

const { brokers, lockDuration, renewal, pulse } = workerData as KeeperData;
const kept = brokers.map(() => [] as readonly KeptQueue[]);
let claimed: ClaimAt | undefined;
parentPort?.on('message', (told: KeptQueues | ClaimAt) => {
  if ('claim' in told) claimed = told;
  else kept[told.at] = told.queues;
});
const connections = brokers.map((broker) => openConnection(broker, 'lock-keeper'));
const cell = new BigInt64Array(pulse);
// From then on it keeps locks. Of several servers one may be away.
for (const connection of connections) connection.once('ready', () => parentPort?.postMessage('up'));

async function renewClaim({ at, claim }: ClaimAt): Promise<void> {
  const connection = connections[at];
  const { keys, instance, name, hold, listeners } = claim;
  if (connection?.status !== 'ready') return;
  if ((await connection.eval(claimScript, keys.length, ...keys, instance, hold, name)) !== 1)
    return;
  await Promise.all(listeners.map((key) => connection.eval(listenScript, 1, key, hold, name)));
}

/** A loop that has stood for this long may stand for longer than the locks hold. */
const patience = renewal / 2;

setInterval(() => {
  const still = Number(process.hrtime.bigint() - Atomics.load(cell, 0)) / 1e6;
  if (still < patience) return;
  if (claimed) renewClaim(claimed).catch(() => undefined);
  for (const [at, connection] of connections.entries()) {
    if (connection.status !== 'ready') continue;
    for (const queue of kept[at] ?? []) {
      // A failure here is Redis away: then no other worker can take the job either.
      renewLocks(connection, queue).catch(() => undefined);
    }
  }
}, patience);
