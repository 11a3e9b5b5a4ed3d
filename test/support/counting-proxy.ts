/** A TCP proxy in front of Redis that counts commands, and falls silent before the one that it is told. */
import net from 'node:net';
import { readCommand } from './read-command.js';

/** Says whether a command counts, by its words. */
export type Counts = (words: readonly string[]) => boolean;

/** One connection through the proxy. */
interface Link {
  readonly client: net.Socket;
  readonly server: net.Socket;
  /** What has come of a command that is not complete. */
  rest: Buffer;
  /** Whether it waits for a job. */
  isIdle: boolean;
}

/** Lets one process talk to Redis, up to a command. */
export class CountingProxy {
  /** The address to give a client. */
  readonly url: string;
  /** Resolves when it has fallen silent. */
  readonly silence: Promise<void>;
  /** The commands that were counted; when it is silent, the last is the one that did not pass. */
  counted: (readonly string[])[] = [];
  readonly #listener: net.Server;
  readonly #target: number;
  readonly #counts: Counts;
  readonly #clients = new Set<net.Socket>();
  readonly #links = new Set<Link>();
  readonly #opened: Promise<void>;
  #limit: number | undefined;
  #isSilent = false;
  #onSilence: () => void = () => undefined;
  #onOpen: () => void = () => undefined;

  private constructor(listener: net.Server, target: number, counts: Counts) {
    this.#listener = listener;
    this.#target = target;
    this.#counts = counts;
    this.url = `redis://127.0.0.1:${(listener.address() as net.AddressInfo).port}/0`;
    this.silence = new Promise((resolve) => {
      this.#onSilence = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.#onOpen = resolve;
    });
    listener.on('connection', (client) => void this.#accept(client));
  }

  /** Starts one that takes connections, and lets nothing through before `open()`. */
  static async start(target: number, counts: Counts): Promise<CountingProxy> {
    const listener = net.createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new CountingProxy(listener, target, counts);
  }

  open(): void {
    this.#onOpen();
  }

  /** Whether its client waits for a job. */
  get isIdle(): boolean {
    return [...this.#links].some(({ isIdle }) => isIdle);
  }

  /** Counts from here on, and lets `limit` of what counts pass: then nothing any more, either way. */
  cutAfter(limit: number): void {
    this.counted = [];
    this.#limit = limit;
  }

  /** Ends; resolves when Redis has read all that was let through. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#listener.close(resolve));
    for (const client of this.#clients) client.destroy();
    await Promise.all(
      [...this.#links].map(async ({ server }) => {
        if (server.closed) return;
        const ended = new Promise((resolve) => server.once('close', resolve));
        server.end();
        await ended;
      }),
    );
    await closed;
  }

  async #accept(client: net.Socket): Promise<void> {
    this.#clients.add(client);
    // A client that is killed while it waits ends with an error.
    client.on('error', () => undefined);
    await this.#opened;
    if (client.destroyed) return;
    const server = net.connect({ host: '127.0.0.1', port: this.#target });
    const link: Link = { client, server, rest: Buffer.alloc(0), isIdle: false };
    this.#links.add(link);
    for (const socket of [client, server]) socket.setNoDelay(true);
    server.on('error', () => undefined);
    client.on('data', (bytes) => this.#pass(link, bytes));
    server.on('data', (bytes) => {
      link.isIdle = false;
      if (!this.#isSilent) client.write(bytes);
    });
    client.on('close', () => server.end());
    server.on('close', () => {
      client.destroy();
      this.#links.delete(link);
    });
  }

  /** Hands on the commands that are complete, up to the one before which there is silence. */
  #pass(link: Link, bytes: Buffer): void {
    link.rest = link.rest.length === 0 ? bytes : Buffer.concat([link.rest, bytes]);
    while (!this.#isSilent) {
      const command = readCommand(link.rest);
      if (!command || !this.#mayPass(command.words)) return;
      link.isIdle = command.words[0]?.toLowerCase() === 'bzpopmin';
      link.server.write(link.rest.subarray(0, command.end));
      link.rest = link.rest.subarray(command.end);
    }
  }

  #mayPass(words: readonly string[]): boolean {
    if (this.#limit === undefined || !this.#counts(words)) return true;
    this.counted.push(words);
    if (this.counted.length <= this.#limit) return true;
    this.#isSilent = true;
    this.#onSilence();
    return false;
  }
}
