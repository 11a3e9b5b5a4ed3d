/** The program of the WebAssembly engine process: listens, boots Valkey, serves until its parent is gone. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { EmbeddedError, reasonOf } from '../errors.js';
import { listenError } from '../free-port.js';
import { askServer, dialHost } from '../probe.js';
import type { WasmConfig } from '../process/message.js';
import {
  failStart,
  followParent,
  readConfig,
  reportLost,
  tellParent,
} from '../process/parent-link.js';
import { Reactor } from './reactor.js';

async function serve(): Promise<void> {
  const listener = createServer({ noDelay: true });
  const reactor = new Reactor(listener, (error) => {
    void reportLost(`Valkey shut down or crashed: ${reasonOf(error)}`);
  });
  // It boots while the parent finds out where it is to listen.
  const [{ host, port }] = await Promise.all([readConfig<WasmConfig>(), reactor.start()]);
  const actualPort = await listen(listener, host, port);
  const info = await askServer(dialHost(host), actualPort);
  if (info === undefined) {
    throw new EmbeddedError(
      'EMBEDDED_START',
      `Valkey booted but does not answer on ${host} port ${actualPort}; give another host`,
    );
  }
  await tellParent({ type: 'ready', port: actualPort, pid: process.pid, version: info.version });
  // After the word is out, as it takes longer to start than Valkey does.
  watchParent();
}

function listen(listener: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once('error', (error) => reject(listenError(error, host, port)));
    listener.listen({ host, port }, () => resolve((listener.address() as AddressInfo).port));
  });
}

/** A Lua script that never ends blocks this thread, which then cannot see its parent go; another thread can. */
function watchParent(): void {
  // Only a second belt: without it the engine still serves, and ends when its channel closes.
  const doWithout = (error: unknown): void =>
    console.error('the watchdog of the embedded engine ended:', error);
  try {
    const watchdog = new Worker(new URL('./watchdog.js', import.meta.url), {
      workerData: { parent: process.ppid },
      resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 },
    });
    watchdog.unref();
    watchdog.on('error', doWithout);
  } catch (error) {
    doWithout(error);
  }
}

// Nothing is on disk, so there is nothing to write out first.
followParent(() => process.exit(0));
await serve().catch(failStart);
