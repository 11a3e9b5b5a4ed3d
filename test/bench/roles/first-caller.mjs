/** A process that calls a task of an app as soon as its engine listens. */
// @ts-check
import net from 'node:net';
import { App } from 'dtask';
import { serve } from './role.mjs';

serve({
  /** What a caller loads with its first call is not the worker's start. */
  ready: async () => void (await import('bullmq')),
  /** Gives the points in time at which the engine listened and the task ran. */
  call: async (port) => {
    await listening(port);
    const listened = Date.now();
    const app = new App('first', { broker: `redis://127.0.0.1:${port}/0` });
    const ran = await app.sendTask('now').get({ timeout: '20s' });
    await app.close();
    return { listened, ran };
  },
});

/** @param {number} port */
async function listening(port) {
  while (!(await accepts(port))) await new Promise((resolve) => setTimeout(resolve, 4));
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    const settle = (/** @type {boolean} */ answer) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', settle(true)).once('error', settle(false));
  });
}
