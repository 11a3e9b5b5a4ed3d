/** Makes equal unique calls, all at once, when the key `go` is there; prints the ids of their results. */
import { setTimeout as delay } from 'node:timers/promises';
import { App } from 'dtask';
import { Redis } from 'ioredis';

const [broker, prefix, count] = process.argv.slice(2);
const app = new App('caller', { broker, prefix });
const redis = new Redis(broker);
// Connected, so that what is measured is the race.
await app.queues.names();
await redis.incr(`${prefix}-ready`);
while ((await redis.get(`${prefix}-go`)) === null) await delay(1);
const calls = Array.from({ length: Number(count) }, (_, at) =>
  app.sendTask('once', ['same'], { unique: true, id: `${process.pid}-${at}` }),
);
const results = await Promise.all(calls);
console.log(JSON.stringify(results.map(({ id }) => id)));
redis.disconnect();
await app.close();
