/** What a thread of a pool runs. */
import { parentPort } from 'node:worker_threads';
import { portChannel } from './channel.js';
import { serve } from './serve.js';

// Of what the process has, a thread can only count its own heap.
if (parentPort)
  serve(portChannel(parentPort), () => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  });
