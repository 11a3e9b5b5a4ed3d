/** Asks a Redis Sentinel where a primary is. */
import type { Redis } from 'ioredis';
import type { NodeAddress } from './address.js';
import { type Access, askNode, type Told } from './told.js';

/**
 * Asks a sentinel.
 *
 * @param name of the primary, as the sentinels have it
 * @throws Error when it does not answer, or knows no primary of that name
 */
export async function askSentinel(node: NodeAddress, access: Access, name: string): Promise<Told> {
  const { tls, ...login } = access;
  const open: Access = tls ? { tls } : {};
  try {
    return await ask(node, open, name);
  } catch (error) {
    // Sentinels have a login of their own, mostly none; where they want one it is that of the servers.
    const wanted = error instanceof Error && error.message.startsWith('NOAUTH');
    if (!wanted || login.password === undefined) throw error;
    return ask(node, access, name);
  }
}

function ask(node: NodeAddress, access: Access, name: string): Promise<Told> {
  const askedAt = performance.now();
  return askNode(node, access, async (client) => {
    const [primary] = await listed(client, 'MASTER', name);
    const others = await listed(client, 'SENTINELS', name);
    const owner = primary && addressOf(primary);
    if (!owner) throw new Error(`it says nothing of a primary named ${name}`);
    return {
      askedAt,
      askedOf: node,
      ranges: [{ from: 0, to: 0, owner }],
      nodes: others.map(addressOf),
      // A failover is near, or this one is cut off.
      sure: !/down|disconnected/.test(primary.get('flags') ?? ''),
    };
  });
}

/** What a sentinel tells of servers: names and values in turn, for each. */
async function listed(
  client: Redis,
  what: 'MASTER' | 'SENTINELS',
  name: string,
): Promise<Map<string, string>[]> {
  const reply = (await client.call('SENTINEL', what, name)) as string[] | string[][];
  const rows = (what === 'MASTER' ? [reply] : reply) as string[][];
  return rows.map((row) => {
    const fields = new Map<string, string>();
    for (let at = 0; at + 1 < row.length; at += 2)
      fields.set(row[at] as string, row[at + 1] as string);
    return fields;
  });
}

const addressOf = (fields: ReadonlyMap<string, string>): NodeAddress => ({
  host: fields.get('ip') ?? '',
  port: Number(fields.get('port')),
});
