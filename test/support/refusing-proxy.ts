/** A TCP proxy in front of Redis that has Redis refuse the commands of a test's choice. */
import { createHash } from 'node:crypto';
import net from 'node:net';
import { onTestFinished } from 'vitest';
import { readCommand } from './read-command.js';

/** A command on its way to Redis. */
export interface Asked {
  readonly words: readonly string[];
  /** The text of the script that it runs, where it runs one that has passed here before. */
  readonly script: string;
}

/** Gives the error that Redis is to reply with, such as `OOM command not allowed`; nothing to let a command pass. */
export type Refusal = (asked: Asked) => string | undefined;

/** One error of each kind with which Redis refuses what it would take at another time. */
export const refusals = [
  "OOM command not allowed when used memory > 'maxmemory'.",
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  'LOADING Redis is loading the dataset in memory',
  "READONLY You can't write against a read only replica.",
  'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.',
  'NOAUTH Authentication required.',
  'NOREPLICAS Not enough good replicas to write.',
  "NOPERM this user has no permissions to run the 'evalsha' command",
  'ERR something that nobody has thought of',
] as const;

/** Answers a command with an error: in its turn, for it is Redis that answers. */
function refused(error: string): string {
  const script = `return redis.error_reply(${JSON.stringify(error)})`;
  return `*3\r\n$4\r\neval\r\n$${script.length}\r\n${script}\r\n$1\r\n0\r\n`;
}

/** Hands on what passes, and an error in the place of what does not. */
export class RefusingProxy {
  /** The address to give a client. */
  readonly url: string;
  /** What was refused so far. */
  readonly refused: Asked[] = [];
  readonly #listener: net.Server;
  readonly #target: number;
  readonly #sockets = new Set<net.Socket>();
  readonly #scripts = new Map<string, string>();
  #refusal: Refusal = () => undefined;

  private constructor(listener: net.Server, target: number) {
    this.#listener = listener;
    this.#target = target;
    this.url = `redis://127.0.0.1:${(listener.address() as net.AddressInfo).port}/0`;
    listener.on('connection', (client) => this.#accept(client));
  }

  /** Starts one that lets everything pass. */
  static async start(target: number): Promise<RefusingProxy> {
    const listener = net.createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new RefusingProxy(listener, target);
  }

  /** Says what is refused from now on. */
  refuse(refusal: Refusal): void {
    this.#refusal = refusal;
  }

  /** Lets everything pass from now on. */
  relent(): void {
    this.#refusal = () => undefined;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#listener.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: net.Socket): void {
    const server = net.connect({ host: '127.0.0.1', port: this.#target });
    let rest: Buffer = Buffer.alloc(0);
    client.on('data', (bytes) => {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      for (;;) {
        const command = readCommand(rest);
        if (!command) return;
        const error = this.#errorFor(command.words);
        server.write(error === undefined ? rest.subarray(0, command.end) : refused(error));
        rest = rest.subarray(command.end);
      }
    });
    server.on('data', (bytes) => client.write(bytes));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  #errorFor(words: readonly string[]): string | undefined {
    const asked = { words, script: this.#scriptOf(words) };
    const error = this.#refusal(asked);
    if (error !== undefined) this.refused.push(asked);
    return error;
  }

  #scriptOf([name = '', first = '', second = '']: readonly string[]): string {
    switch (name.toLowerCase()) {
      case 'eval':
        this.#scripts.set(shaOf(first), first);
        return first;
      case 'script':
        if (first.toLowerCase() === 'load') this.#scripts.set(shaOf(second), second);
        return '';
      case 'evalsha':
        return this.#scripts.get(first) ?? '';
      default:
        return '';
    }
  }
}

const shaOf = (text: string): string =>
  createHash('sha1').update(Buffer.from(text, 'latin1')).digest('hex');

/** Starts a proxy that ends with the test. */
export async function startRefusingProxy(target: number): Promise<RefusingProxy> {
  const proxy = await RefusingProxy.start(target);
  onTestFinished(() => proxy.stop());
  return proxy;
}
