/** A worker that remembers which ticks of which entries it has executed, and how late. */
// @ts-check
import { App, currentTask } from 'dtask';
import { Worker } from 'dtask/worker';
import { prefix, serve, url } from './role.mjs';

const app = new App('bench', { broker: url, prefix });
/** @type {Map<string, { ticks: Set<number>, again: number }>} */
const heard = new Map();
let latest = 0;

app.task('note', (/** @type {number} */ _n) => {
  const { headers } = currentTask();
  const { entry, tick } = /** @type {{ entry: string, tick: string }} */ (headers['beat']);
  const known = heard.get(entry) ?? { ticks: new Set(), again: 0 };
  heard.set(entry, known);
  const at = Date.parse(tick);
  if (known.ticks.has(at)) known.again += 1;
  known.ticks.add(at);
  latest = Math.max(latest, Date.now() - at);
});

const worker = new Worker(app, { concurrency: 20, logLevel: 'warn' });

serve({
  start: () => worker.start(),
  /** What it has heard of, of entries with a fixed period. */
  tally: (/** @type {number} */ period) => {
    let [ticks, again, missed] = [0, 0, 0];
    for (const entry of heard.values()) {
      const [first, last] = [Math.min(...entry.ticks), Math.max(...entry.ticks)];
      ticks += entry.ticks.size;
      again += entry.again;
      missed += Math.round((last - first) / period) + 1 - entry.ticks.size;
    }
    return { entries: heard.size, ticks, again, missed, latest };
  },
  stop: async () => {
    await worker.stop();
    await app.close();
  },
});
