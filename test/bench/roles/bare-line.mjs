/**
 * A child and a thread that send back what they get, and nothing else: what a pool's line costs by
 * itself, where the loop also waits for Redis between two messages, as a worker's does.
 */
// @ts-check
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker as Thread } from 'node:worker_threads';
import { Redis } from 'ioredis';
import { median } from '../numbers.mjs';
import { serve, url } from './role.mjs';

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
    /** CPU of both sides a message and its answer, in microseconds. */
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
 * @param {() => number} there the CPU of the other side
 * @param {(done: () => void) => () => void} open gives what sends; `done` hears of each answer
 */
async function measure(count, there, open) {
  const redis = new Redis(url);
  let done = () => undefined;
  const send = open(() => done());
  const trip = () =>
    new Promise((resolve) => {
      done = () => resolve(undefined);
      send();
    });
  const both = async () => {
    await redis.ping();
    await trip();
  };
  const alone = () => redis.ping();
  await cpuOfTurns(count / 4, there, both);
  /** @type {number[]} */
  const costs = [];
  // In turns, for the machine's pace changes.
  for (let part = 0; part < 5; part += 1) {
    const without = await cpuOfTurns(count / 5, there, alone);
    costs.push((await cpuOfTurns(count / 5, there, both)) - without);
  }
  redis.disconnect();
  return median(costs);
}

/**
 * @param {number} count
 * @param {() => number} there
 * @param {() => Promise<unknown>} turn
 */
async function cpuOfTurns(count, there, turn) {
  const before = process.cpuUsage();
  const began = there();
  for (let turns = 0; turns < count; turns += 1) await turn();
  const { user, system } = process.cpuUsage(before);
  return (user + system + there() - began) / count;
}

/** @param {number} pid */
function cpuOf(pid) {
  // Linux counts in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
