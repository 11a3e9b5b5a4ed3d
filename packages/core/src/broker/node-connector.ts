/** Connects an ioredis client to a server that is first asked for: the node of a cluster that has a slot, or a primary of sentinels. */
import net from 'node:net';
import tls from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { TlsConfig } from '../config/tls.js';
import type { Address, Whereabouts } from './address.js';
import { Directory } from './directory.js';

/** What a first connection goes by is no older than this, in milliseconds. */
const freshness = 5_000;

/** The class that ioredis makes the connector of each of its clients from. */
export function nodeConnector(
  address: Omit<Address, 'via'>,
  via: Whereabouts,
  sentinelTls: TlsConfig = {},
): NonNullable<RedisOptions['Connector']> {
  const isSentinel = via.name !== undefined;
  const asking = isSentinel && address.tls ? { ...address, tls: sentinelTls } : address;
  const directory = Directory.of(via, asking);
  const { slot = 0 } = via;
  return class NodeConnector extends AbstractConnector {
    /** What was said before that does not count: when the last connection ended. */
    #since = performance.now() - freshness;

    constructor(options: unknown) {
      super((options as { disconnectTimeout: number }).disconnectTimeout);
    }

    /** A replica answers as well, and refuses what is written. */
    override check({ role }: { role?: string }): boolean {
      return role === undefined || role === 'master';
    }

    override async connect(): Promise<net.Socket> {
      this.connecting = true;
      delete this.firstError;
      const stream = await this.#open();
      if (!this.connecting) {
        stream.destroy();
        throw new Error('Connection is closed.');
      }
      this.stream = stream;
      return stream;
    }

    async #open(): Promise<net.Socket> {
      try {
        const node = await directory.owner(slot, this.#since);
        const stream = address.tls
          ? tls.connect({ ...address.tls, ...node })
          : net.connect({ ...node });
        stream.once('error', (error) => (this.firstError = error));
        const end = directory.hold(slot, node, () => stream.destroy());
        stream.once('close', () => {
          this.#since = performance.now();
          end();
        });
        return stream;
      } catch (error) {
        this.firstError = error as Error;
        this.#since = performance.now();
        // Rejected, ioredis would end the client; a socket that has ended it tries again.
        return new net.Socket().destroy();
      }
    }
  };
}
