/** The engine process's side of its tie to the process that started it: it ends when that says so, or is gone. */
import process from 'node:process';
import { EmbeddedError, reasonOf } from '../errors.js';
import type { ChildMessage, StartMessage } from './message.js';

/**
 * Calls `end` when the parent says stop or its end of the channel closes, which the system does even for a parent
 * that was killed. Signals are ignored: Ctrl-C reaches a whole foreground group, and the parent may still need its
 * Redis to hand tasks back while it shuts down.
 */
export function followParent(end: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => undefined);
  process.once('disconnect', end);
  process.on('message', (message) => {
    if (
      typeof message === 'object' &&
      message !== null &&
      'type' in message &&
      message.type === 'stop'
    )
      end();
  });
  // Started by hand, or the parent died before this line: nobody is left to serve.
  if (!process.connected) end();
}

/** Sends to the parent; resolves when the message has left, or cannot because the parent is gone. */
export function tellParent(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

/** Reports why the engine could not be started, then ends this process. */
export async function failStart(error: unknown): Promise<never> {
  const code = error instanceof EmbeddedError ? error.code : 'EMBEDDED_START';
  await tellParent({ type: 'failed', code, message: reasonOf(error) });
  process.exit(1);
}

/** Reports that the engine ended on its own, then ends this process. */
export async function reportLost(reason: string): Promise<never> {
  await tellParent({ type: 'lost', reason });
  process.exit(1);
}

/** The config that the parent gives, which may take its time: this process was made ready ahead. */
export function readConfig<T>(): Promise<T> {
  return new Promise((resolve) => {
    const listen = (message: unknown): void => {
      if (!isStart(message)) return;
      process.off('message', listen);
      resolve(message.config as T);
    };
    process.on('message', listen);
  });
}

const isStart = (message: unknown): message is StartMessage =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'start';
