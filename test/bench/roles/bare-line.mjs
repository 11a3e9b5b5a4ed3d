/** A child and a thread that send back what they get, and nothing else: what a pool's line costs by itself. */
// @ts-check
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker as Thread } from 'node:worker_threads';
import { serve } from './role.mjs';

const self = fileURLToPath(import.meta.url);
/** As long as what a pool sends for a task without arguments. */
const text = JSON.stringify(['run', 1, { id: 'x'.repeat(36), name: 'echo' }, 'x'.repeat(60)]);

if (!isMainThread) parentPort?.on('message', (message) => parentPort?.postMessage(message));
else if (process.argv[2] === 'child') {
  const socket = new Socket({ fd: 3, readable: true, writable: true });
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('close', () => process.exit());
} else {
  serve({
    /** CPU of both sides a round trip, in microseconds. */
    processes: async (count) => {
      const child = spawn(process.execPath, [self, 'child'], {
        stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      });
      const socket = /** @type {Socket} */ (child.stdio[3]);
      const there = () => cpuOf(child.pid ?? 0);
      const cost = await measure(count, there, (done) => {
        socket.on('data', done);
        return () => socket.write(`${text}\n`);
      });
      child.kill('SIGKILL');
      return cost;
    },
    threads: async (count) => {
      const thread = new Thread(self);
      // Its CPU is counted with that of the process.
      const cost = await measure(
        count,
        () => 0,
        (done) => {
          thread.on('message', done);
          return () => thread.postMessage(text);
        },
      );
      await thread.terminate();
      return cost;
    },
    stop: () => undefined,
  });
}

/**
 * @param {number} count
 * @param {() => number} there
 * @param {(done: () => void) => () => void} open gives what sends; `done` hears of each answer
 */
async function measure(count, there, open) {
  let left = 0;
  /** @type {() => void} */
  let finish = () => undefined;
  const send = open(() => {
    left -= 1;
    if (left > 0) send();
    else finish();
  });
  const run = (/** @type {number} */ turns) =>
    new Promise((resolve) => {
      left = turns;
      finish = () => resolve(undefined);
      send();
    });
  await run(count / 4);
  const before = process.cpuUsage();
  const began = there();
  await run(count);
  const { user, system } = process.cpuUsage(before);
  return (user + system + there() - began) / count;
}

/** @param {number} pid */
function cpuOf(pid) {
  // Linux counts in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
