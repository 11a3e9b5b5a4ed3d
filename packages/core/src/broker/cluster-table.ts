/** What one node of a Redis Cluster says: which primary has which slots. */
import { Redis } from 'ioredis';
import type { Address, NodeAddress } from './address.js';

/** Longest that a node may take to connect, and to answer, in milliseconds. */
const patience = 1_000;

/** A run of slots, and the primary that has them. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly owner: NodeAddress;
}

/** What a node has said. */
export interface ClusterTable {
  /** When it was asked, by the clock of `performance.now()`. */
  readonly askedAt: number;
  readonly askedOf: NodeAddress;
  readonly ranges: readonly Range[];
  /** All nodes that it knows, replicas as well. */
  readonly nodes: readonly NodeAddress[];
  /** Whether the cluster is whole, as the node sees it: one that is cut off sees that it is not. */
  readonly whole: boolean;
}

/** Who may ask. */
export type Access = Pick<Address, 'username' | 'password' | 'tls'>;

export const nodeName = ({ host, port }: NodeAddress): string => `${host}:${port}`;

/** The node that has a slot, if one has it. */
export const ownerIn = ({ ranges }: ClusterTable, slot: number): NodeAddress | undefined =>
  ranges.find(({ from, to }) => from <= slot && slot <= to)?.owner;

/** Asks a node, on a connection that is closed behind it. */
export async function askNode(node: NodeAddress, access: Access): Promise<ClusterTable> {
  const client = new Redis({
    ...access,
    ...node,
    lazyConnect: true,
    connectionName: 'dtask:cluster',
    connectTimeout: patience,
    commandTimeout: patience,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  // `connect` says no more than that it failed.
  let cause: Error | undefined;
  client.on('error', (error: Error) => (cause = error));
  const askedAt = performance.now();
  try {
    await client.connect();
    const [slots, state, info] = await Promise.all([
      client.cluster('SLOTS'),
      client.cluster('INFO') as Promise<unknown>,
      client.info('server'),
    ]);
    checkVersion(info);
    const whole = String(state).includes('cluster_state:ok');
    return { askedAt, askedOf: node, whole, ...tableOf(slots, node) };
  } catch (error) {
    throw cause ?? error;
  } finally {
    client.disconnect();
  }
}

/**
 * Pushes in a cluster take what came with Redis 7, and so are in all of Valkey, which says it is that.
 *
 * @throws Error where the server is older
 */
export function checkVersion(info: string): void {
  const version = /^redis_version:(\d+)\.(\S+)/m.exec(info);
  if (!version || Number(version[1]) >= 7) return;
  throw new Error(
    `Redis is ${version[1]}.${version[2]}, and a cluster takes 7.0 or later, or Valkey`,
  );
}

/** Reads the reply to CLUSTER SLOTS: runs of slots, each with its primary and its replicas. */
export function tableOf(
  reply: readonly unknown[],
  askedOf: NodeAddress,
): Pick<ClusterTable, 'ranges' | 'nodes'> {
  const ranges: Range[] = [];
  const nodes: NodeAddress[] = [];
  for (const [from, to, ...members] of reply as [number, number, ...unknown[]][]) {
    const addresses = members.map((member) => addressOf(member, askedOf));
    nodes.push(...addresses.filter((address) => address !== undefined));
    const [owner] = addresses;
    if (owner) ranges.push({ from, to, owner });
  }
  return { ranges, nodes };
}

/** A node without a host is where the one is that was asked; one that does not know its name says "?". */
function addressOf(member: unknown, askedOf: NodeAddress): NodeAddress | undefined {
  const [host, port] = member as [string | null, number];
  if (host === '?') return undefined;
  return { host: host || askedOf.host, port };
}
