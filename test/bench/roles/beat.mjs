/** A beat of an app with many entries. */
// @ts-check
import { App, once } from 'dtask';
import { Beat } from 'dtask/worker';
import { memory } from './memory.mjs';
import { prefix, serve, url } from './role.mjs';

/** @type {App | undefined} */
let app;
/** @type {Beat | undefined} */
let beat;

serve({
  /** @param {{ count: number, every?: string, at?: number }} options */
  start: async ({ count, every, at }) => {
    const when = at === undefined ? { every } : { schedule: once(new Date(at)) };
    const entries = Array.from({ length: count }, (_, n) => [
      `entry-${n}`,
      { task: 'note', args: [n], ...when },
    ]);
    app = new App('bench', { broker: url, prefix, beat: Object.fromEntries(entries) });
    beat = new Beat(app, { logLevel: 'warn' });
    await beat.start();
    return beat.id;
  },
  /** CPU time that this process uses within some time, in µs. */
  cpu: async (/** @type {number} */ ms) => {
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const { user, system } = process.cpuUsage(before);
    return user + system;
  },
  memory,
  stop: async () => {
    await beat?.stop();
    await app?.close();
  },
});
