/** Starts the children of a pool. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import { type Channel, portChannel, socketChannel } from './channel.js';
import type { FromChild, ToChild } from './conversation.js';
import { deathSignalCommand } from './death-signal.js';

/** A child that was started, or was to be. */
export interface Spawned {
  /** What it is called: a process' id, or a thread's. */
  readonly id: number;
  readonly channel: Channel<FromChild, ToChild>;
  /** Ends it where it stands. */
  kill(): void;
  /** Resolves when it is gone, to how it ended. */
  readonly gone: Promise<string>;
  /** Why the system could not start it, where it could not; known when it is gone. */
  readonly failure: Error | undefined;
}

/** Nobody is at the other side. */
const silent: Channel<FromChild, ToChild> = {
  send: () => undefined,
  onMessage: () => undefined,
  onClose: () => undefined,
};

/** A child that never was. */
function unborn(thrown: unknown): Spawned {
  const failure = thrown instanceof Error ? thrown : new Error(String(thrown));
  const gone = Promise.resolve(failure.message);
  return { id: 0, channel: silent, kill: () => undefined, gone, failure };
}

/**
 * A process: it can be killed whatever it does, and nothing that it does harms the worker. It ends
 * with the worker, also with one that is killed.
 */
export function spawnProcess(): Spawned {
  const entry = fileURLToPath(new URL('./process-entry.js', import.meta.url));
  const front = deathSignalCommand();
  // Where the kernel does not look after that, the child does.
  const watched = front.length > 0 ? [] : [String(process.pid)];
  const [command, ...args] = [...front, process.execPath, ...process.execArgv, entry, ...watched];
  let child: ChildProcess;
  try {
    child = spawn(command as string, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      // A group of its own: Ctrl-C in a terminal must not reach a child that still starts.
      detached: process.platform !== 'win32',
    });
  } catch (error) {
    return unborn(error);
  }
  let failure: Error | undefined;
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      failure = error;
      resolve(error.message);
    });
    child.once('exit', (code, signal) =>
      resolve(signal ? `killed by ${signal}` : `exit code ${code}`),
    );
  });
  // Where no descriptor is left, Node makes none of its streams.
  const socket = (child.stdio as ChildProcess['stdio'] | undefined)?.[3] as Socket | undefined;
  return {
    id: child.pid ?? 0,
    channel: socket ? socketChannel(socket) : silent,
    kill: () => void child.kill('SIGKILL'),
    gone: gone.finally(() => socket?.destroy()),
    get failure() {
      return failure;
    },
  };
}

/** A thread's heap ends it, and not the process, at this many times what a thread is to keep. */
const headroom = 2;

/**
 * A thread: lighter, and ended as surely, unless native code holds it.
 *
 * @param maxMemory what it is to keep at most, in bytes; 0 is no limit
 */
export function spawnThread(maxMemory: number): Spawned {
  const limit = Math.ceil((headroom * maxMemory) / 1024 ** 2);
  let thread: Thread;
  try {
    thread = new Thread(new URL('./thread-entry.js', import.meta.url), {
      ...(limit > 0 && { resourceLimits: { maxOldGenerationSizeMb: limit } }),
    });
  } catch (error) {
    return unborn(error);
  }
  let failure: Error | undefined;
  const gone = new Promise<string>((resolve) => {
    let reason: string | undefined;
    thread.once('error', (error: NodeJS.ErrnoException) => {
      reason = error.message;
      if (error.code === 'ERR_WORKER_INIT_FAILED') failure = error;
    });
    thread.once('exit', (code) => resolve(reason ?? `exit code ${code}`));
  });
  return {
    id: thread.threadId,
    channel: portChannel(thread),
    kill: () => void thread.terminate(),
    gone,
    get failure() {
      return failure;
    },
  };
}
