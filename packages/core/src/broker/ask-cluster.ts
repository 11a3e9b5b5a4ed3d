/** Asks a node of a Redis Cluster which primary has which slots. */
import type { NodeAddress } from './address.js';
import { type Access, askNode, type Range, type Told } from './told.js';

/**
 * Asks a node.
 *
 * @throws Error when it does not answer, is of no cluster, or is too old
 */
export function askCluster(node: NodeAddress, access: Access): Promise<Told> {
  const askedAt = performance.now();
  return askNode(node, access, async (client) => {
    const [slots, state, info] = await Promise.all([
      client.cluster('SLOTS'),
      client.cluster('INFO') as Promise<unknown>,
      client.info('server'),
    ]);
    checkVersion(info);
    const sure = String(state).includes('cluster_state:ok');
    return { askedAt, askedOf: node, sure, ...tableOf(slots, node) };
  });
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
): Pick<Told, 'ranges' | 'nodes'> {
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
