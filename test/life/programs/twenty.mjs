/** Starts and stops twenty of a kind, one after another, and prints what the process has more of behind that than behind the first five. */
import { createHook } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { App } from 'dtask';
import { Beat, Worker } from 'dtask/worker';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

const timers = new Map();
createHook({
  init: (id, type, _trigger, resource) => {
    if (type === 'Timeout' || type === 'Immediate') timers.set(id, resource);
  },
  destroy: (id) => timers.delete(id),
}).enable();

const [broker, kind] = process.argv.slice(2);
const app = () => new App('twenty', { broker, prefix: 'twenty', sendEvents: true });

/** What lives and dies once. */
const lives = {
  async worker() {
    const one = app();
    one.task('quick', () => 'done');
    const worker = new Worker(one, { events: true, logLevel: 'info', httpPort: 0 });
    await worker.start();
    await one.sendTask('quick').get({ timeout: '10s' });
    await worker.stop();
    await one.close();
  },
  async 'same-app'() {
    shared ??= app();
    const worker = new Worker(shared, { logLevel: 'silent' });
    await worker.start();
    await worker.stop();
  },
  async beat() {
    const one = app();
    const beat = new Beat(one, { logLevel: 'info' });
    await beat.start();
    await beat.stop();
    await one.close();
  },
  async app() {
    const one = app();
    await one.sendTask('nobody', [], { queue: 'nowhere' });
    const events = one.events({ since: 'start' });
    await events.next();
    await one.inspect.ping();
    await one.close();
  },
};
let shared;

/** Counts by name, of what keeps the process and what does not. */
function residue() {
  const counts = { timers: [...timers.values()].filter((timer) => !timer._destroyed).length };
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  for (const name of process.eventNames())
    counts[`on ${String(name)}`] = process.listenerCount(name);
  counts['on stdout'] = process.stdout
    .eventNames()
    .reduce((n, name) => n + process.stdout.listenerCount(name), 0);
  return counts;
}

/** Once what ends by itself within moments has ended: sockets, lines of the log. */
async function settled() {
  let before = '';
  for (let same = 0; same < 5;) {
    await delay(100);
    gc();
    const now = JSON.stringify(residue());
    same = now === before ? same + 1 : 0;
    before = now;
  }
  return residue();
}

for (let count = 0; count < 5; count += 1) await lives[kind]();
const few = await settled();
for (let count = 5; count < 25; count += 1) await lives[kind]();
const many = await settled();
await shared?.close();
const more = Object.entries(many).filter(([name, count]) => count > (few[name] ?? 0));
console.error(
  JSON.stringify(Object.fromEntries(more.map(([name, count]) => [name, count - (few[name] ?? 0)]))),
);
