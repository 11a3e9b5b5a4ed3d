/** The thread of the lock keeper: watches the main loop's pulse, and renews where it stops. */
import { parentPort, workerData } from 'node:worker_threads';
// Nothing but the connection: the thread must be up before the first task blocks the loop.
import { openConnection } from '@dtask/core/connection';
import type { KeeperData, KeptQueue, KeptQueues } from './lock-keeper.js';

/** Renews the locks in a list of active jobs that carry one worker's token. */
const script = `
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local lock = ARGV[1] .. id .. ':lock'
  local token = redis.call('GET', lock)
  if token and string.sub(token, 1, string.len(ARGV[2])) == ARGV[2] then
    redis.call('PEXPIRE', lock, ARGV[3])
  end
end`;

const { brokers, lockDuration, pulse } = workerData as KeeperData;
const kept = brokers.map(() => [] as readonly KeptQueue[]);
parentPort?.on('message', ({ at, queues }: KeptQueues) => {
  kept[at] = queues;
});
const connections = brokers.map((broker) => openConnection(broker, 'lock-keeper'));
const cell = new BigInt64Array(pulse);

/** A loop that has stood for this long may stand for longer than the locks hold. */
const patience = lockDuration / 4;

setInterval(() => {
  const still = Date.now() - Number(Atomics.load(cell, 0));
  if (still < patience) return;
  for (const [at, connection] of connections.entries()) {
    if (connection.status !== 'ready') continue;
    for (const { active, jobPrefix, tokenPrefix } of kept[at] ?? []) {
      // A failure here is Redis away: then no other worker can take the job either.
      connection
        .eval(script, 1, active, jobPrefix, tokenPrefix, lockDuration)
        .catch(() => undefined);
    }
  }
}, patience);
