/** A dtask worker with default settings, whose task never ends in the first process that takes it. */
// @ts-check
import { App, currentTask } from 'dtask';
import { Worker } from 'dtask/worker';
import { Redis } from 'ioredis';
import { prefix, serve, url } from './role.mjs';

const redis = new Redis(url, { maxRetriesPerRequest: null });
const app = new App('bench', { broker: url, prefix });
const starts = `${prefix}:starts`;

const stuck = app.task('stuck', async () => {
  const { id } = currentTask();
  const before = await redis.hincrby(`${prefix}:tries`, id, 1);
  await redis.rpush(starts, JSON.stringify({ id, try: before, at: Date.now() }));
  if (before === 1) await new Promise((resolve) => setTimeout(resolve, 60_000));
});

serve({
  start: () => new Worker(app, { logLevel: 'silent' }).start(),
  send: (count) =>
    Promise.all(Array.from({ length: count }, () => stuck.delay())).then(() => undefined),
});
