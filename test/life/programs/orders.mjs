/**
 * Starts, stops and closes in random orders, while Redis is there, away or frozen. Prints what took too
 * long, ended in a state that is none, or was rejected with anything but a word on the order. Has to end by
 * itself: what is left of one order would keep it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { App } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Beat, Worker } from 'dtask/worker';
import fc from 'fast-check';
import { Redis } from 'ioredis';

const [kind, seed, runs] = process.argv.slice(2);
/** Longest that a stop may take where no task runs, in milliseconds, on a machine that is busy. */
const longest = 20_000;

let engine = await startEmbedded({ dir: false });
const { port, url } = engine;
let redis = 'there';
async function become(how) {
  if (redis === 'frozen') process.kill(engine.pid, 'SIGCONT');
  if (redis === 'away' && how !== 'away') engine = await startEmbedded({ dir: false, port });
  if (redis !== 'away' && how === 'away') await engine.stop();
  if (how === 'frozen') process.kill(engine.pid, 'SIGSTOP');
  redis = how;
}

const makes = {
  worker: (app) => new Worker(app, { logLevel: 'silent' }),
  beat: (app) => new Beat(app, { logLevel: 'silent' }),
};
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant('start') },
  { weight: 2, arbitrary: fc.constantFrom('stop', 'force', 'close') },
  { weight: 3, arbitrary: fc.constantFrom('there', 'away', 'frozen') },
  { weight: 4, arbitrary: fc.nat({ max: 400 }) },
);
const orders = fc.sample(fc.array(step, { minLength: 2, maxLength: 7 }), {
  seed: Number(seed),
  numRuns: Number(runs),
});

for (const order of orders) {
  await become('there');
  const app = new App('orders', { broker: url, sendTimeout: '1s', beat: {} });
  const one = makes[kind](app);
  const does = {
    start: () => one.start(),
    stop: () => one.stop(),
    force: () => one.stop({ force: true }),
    close: () => app.close(),
  };
  const asked = [];
  const ask = (what) => asked.push(inTime(what, does[what]()));
  for (const what of order) {
    if (typeof what === 'number') await delay(what);
    else if (what in does) ask(what);
    else await become(what);
  }
  ask('stop');
  ask('close');
  const complaints = (await Promise.all(asked)).filter(Boolean);
  if (!['stopped', 'failed'].includes(one.state)) complaints.push(`is ${one.state}`);
  if (complaints.length > 0)
    console.error(`${order.join(' ')}, Redis ${redis}: ${complaints.join('; ')}`);
}

async function inTime(what, work) {
  const late = new AbortController();
  const limit = delay(longest, `${what} took too long`, { signal: late.signal });
  const done = work.then(
    () => undefined,
    ({ code, message }) => (code === 'STARTUP' ? undefined : `${what}: ${message}`),
  );
  try {
    return await Promise.race([done, limit]);
  } finally {
    late.abort();
    limit.catch(() => undefined);
  }
}

await become('there');
const look = new Redis(url);
let left;
for (let tries = 0; tries < 100; tries += 1) {
  left = (await look.client('LIST')).match(/name=dtask:\S+/g);
  if (!left) break;
  await delay(50);
}
if (left) console.error(`connected: ${left.join(', ')}`);
look.disconnect();
await engine.stop();
