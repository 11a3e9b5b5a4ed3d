/** A TCP proxy on loopback that breaks in the ways in which networks break. */
import net from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * What happens to bytes, of either direction.
 *
 * - `pass`: they arrive.
 * - `blackhole`: they vanish and no connection is closed. A connection that has lost bytes stays dead
 *   after the network is back, as after a router that forgot it: nobody ever sends it a reset.
 * - `mute`: what the client says arrives, and what the server answers vanishes.
 * - `stall`: they wait, and arrive when the network is back, as TCP's own repeats make them.
 */
export type Network = 'pass' | 'blackhole' | 'mute' | 'stall';

/** One connection through the proxy. */
interface Link {
  readonly client: net.Socket;
  readonly server: net.Socket;
  /** Whether bytes of it were lost. */
  dead: boolean;
}

/** A proxy in front of one server. */
export class Proxy {
  readonly port: number;
  /** The address to give a client. */
  readonly url: string;
  /** Wait before bytes are handed on, in milliseconds. */
  delay = 0;
  readonly #listener: net.Server;
  readonly #target: number;
  readonly #links = new Set<Link>();
  #network: Network = 'pass';
  #accepted = 0;

  private constructor(listener: net.Server, target: number) {
    this.#listener = listener;
    this.#target = target;
    this.port = (listener.address() as net.AddressInfo).port;
    this.url = `redis://127.0.0.1:${this.port}/0`;
    listener.on('connection', (client) => this.#accept(client));
  }

  static async start(target: number): Promise<Proxy> {
    const listener = net.createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new Proxy(listener, target);
  }

  /** How many connections were ever made to it. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many connections are open on the client's side. */
  get open(): number {
    return [...this.#links].filter(({ client }) => !client.destroyed).length;
  }

  /** Changes the network. Connections that are there stay. */
  become(network: Network): void {
    this.#network = network;
    for (const { client, server, dead } of this.#links) {
      if (dead) continue;
      for (const socket of [client, server]) {
        if (network === 'stall') socket.pause();
        else socket.resume();
      }
    }
  }

  /** Breaks every connection with a reset. */
  cut(): void {
    for (const { client, server } of this.#links) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#links.clear();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #accept(client: net.Socket): void {
    this.#accepted += 1;
    const server = net.connect({ host: '127.0.0.1', port: this.#target, allowHalfOpen: true });
    const link: Link = { client, server, dead: this.#network === 'blackhole' };
    this.#links.add(link);
    this.#carry(link, client, server);
    this.#carry(link, server, client);
    if (this.#network === 'stall') this.become('stall');
  }

  #carry(link: Link, from: net.Socket, to: net.Socket): void {
    from.setNoDelay(true);
    from.on('error', () => undefined);
    from.on('data', (bytes) => {
      if (this.#network === 'mute' && from === link.server) return;
      if (this.#network === 'blackhole') link.dead = true;
      if (link.dead) return;
      if (this.delay === 0) to.write(bytes);
      else setTimeout(() => to.write(bytes), this.delay);
    });
    from.on('close', () => {
      // The far side does not hear of it either, where the network is dead.
      if (!link.dead && this.#network === 'pass') to.destroy();
      if (link.client.destroyed && link.server.destroyed) this.#links.delete(link);
    });
    from.on('end', () => {
      if (!link.dead && this.#network === 'pass') to.end();
      else from.end();
    });
  }
}

/** Starts a proxy that ends with the test. */
export async function startProxy(target: number): Promise<Proxy> {
  const proxy = await Proxy.start(target);
  onTestFinished(() => proxy.stop());
  return proxy;
}
