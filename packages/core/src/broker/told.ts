/** What a node says of where servers are. */
import type { Redis } from 'ioredis';
import type { Address, NodeAddress } from './address.js';
import { HealingRedis } from './healing-redis.js';

/** Longest that a node may take to connect, and to answer, in milliseconds. */
const patience = 1_000;

/** A run of slots, and the primary that has them. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly owner: NodeAddress;
}

/** What was told. */
export interface Told {
  /** When it was asked for, by the clock of `performance.now()`. */
  readonly askedAt: number;
  readonly askedOf: NodeAddress;
  /** Sentinels know no slots: what they tell of is slot 0. */
  readonly ranges: readonly Range[];
  /** Others that can be asked. */
  readonly nodes: readonly NodeAddress[];
  /** Whether all is well, as the node sees it: one that is cut off sees that it is not. */
  readonly sure: boolean;
}

/** Who may ask. */
export type Access = Pick<Address, 'username' | 'password' | 'tls'>;

export const nodeName = ({ host, port }: NodeAddress): string => `${host}:${port}`;

/** The node that has a slot, if one has it. */
export const ownerIn = ({ ranges }: Told, slot: number): NodeAddress | undefined =>
  ranges.find(({ from, to }) => from <= slot && slot <= to)?.owner;

/** Asks a node something, on a connection that is closed behind it. */
export async function askNode<R>(
  node: NodeAddress,
  access: Access,
  commands: (client: Redis) => Promise<R>,
): Promise<R> {
  const client = new HealingRedis({
    ...access,
    ...node,
    lazyConnect: true,
    connectionName: 'dtask:finder',
    connectTimeout: patience,
    commandTimeout: patience,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  // `connect` says no more than that it failed.
  let cause: Error | undefined;
  client.on('error', (error: Error) => (cause = error));
  try {
    await client.connect();
    return await commands(client);
  } catch (error) {
    throw cause ?? error;
  } finally {
    // Of one that has ended, ioredis would wait two seconds for its socket to close once more.
    if (client.status !== 'end') client.disconnect();
  }
}
