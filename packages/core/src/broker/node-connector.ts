/** Connects an ioredis client to the node of a cluster that has a slot. */
import net from 'node:net';
import tls from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { Address } from './address.js';
import { Cluster } from './cluster.js';

/** What a first connection goes by is no older than this, in milliseconds. */
const freshness = 5_000;

/** The class that ioredis makes the connector of each of its clients from. */
export function nodeConnector(
  address: Address,
  slot: number,
): NonNullable<RedisOptions['Connector']> {
  const cluster = Cluster.of(address.cluster?.seeds ?? [address], address);
  return class NodeConnector extends AbstractConnector {
    /** What was said of the cluster before that does not count: when the last connection ended. */
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
        const node = await cluster.owner(slot, this.#since);
        const stream = address.tls ? tls.connect({ ...node }) : net.connect({ ...node });
        stream.once('error', (error) => (this.firstError = error));
        const end = cluster.hold(slot, node, () => stream.destroy());
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
