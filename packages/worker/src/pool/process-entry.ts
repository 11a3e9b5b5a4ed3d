/** What a child process runs. Its line to the worker is the fourth of its standard streams. */
import { Socket } from 'node:net';
import { socketChannel } from './channel.js';
import { serve } from './serve.js';

// A terminal sends these to the worker's children as well; when they end is the worker's to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const)
  process.on(signal, () => undefined);

serve(socketChannel(new Socket({ fd: 3, readable: true, writable: true })), () =>
  process.memoryUsage.rss(),
);
