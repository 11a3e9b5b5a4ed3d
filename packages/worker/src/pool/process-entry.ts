/** What a child process runs. Its line to the worker is the fourth of its standard streams. */
import { Socket } from 'node:net';
import { Worker as Thread } from 'node:worker_threads';
import { socketChannel } from './channel.js';
import { serve } from './serve.js';

// Whoever signals a whole group or service: when children end is the worker's to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP', 'SIGUSR2'] as const)
  process.on(signal, () => undefined);

const [, , worker] = process.argv;
if (worker !== undefined) {
  const data = { workerData: { worker: Number(worker) }, execArgv: [] };
  // A child without the watch ends with its worker all the same, unless a task blocks it just then.
  const doWithout = (error: unknown): void =>
    console.error('a child of a worker could not start its watch:', error);
  try {
    const watch = new Thread(new URL('./orphan-watch.js', import.meta.url), data);
    watch.unref();
    watch.on('error', doWithout);
  } catch (error) {
    doWithout(error);
  }
}

serve(socketChannel(new Socket({ fd: 3, readable: true, writable: true })), () =>
  process.memoryUsage.rss(),
);
