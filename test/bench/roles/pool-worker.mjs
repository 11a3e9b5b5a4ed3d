/** A dtask worker with a pool. */
// @ts-check
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'dtask/worker';
import { app } from './pool-app.mjs';
import { serve } from './role.mjs';

const module = fileURLToPath(new URL('./pool-app.mjs', import.meta.url));

/** @type {Worker | undefined} */
let worker;

serve({
  start: async (pool, concurrency) => {
    worker = new Worker(app, { pool, concurrency, module, logLevel: 'error' });
    await worker.start();
  },
  /** The CPU time of this process and its children so far, in microseconds. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system + children().reduce((total, pid) => total + cpuOf(pid), 0);
  },
  pid: () => process.pid,
  children,
  stop: async () => {
    await worker?.stop();
    await app.close();
  },
});

/** The child processes of this one; where there is no /proc, none are seen. */
function children() {
  try {
    const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** @param {number} pid */
function cpuOf(pid) {
  // Linux counts in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
