/** What a process knows of a Redis Cluster: which node has which slots. */
import { Redis } from 'ioredis';
import type { Address, NodeAddress } from './address.js';

/** Longest that a node may take to connect, and to answer, in milliseconds. */
const patience = 1_000;
/** After this time without an answer the next node is asked as well, in milliseconds. */
const stagger = 250;
/** Nodes that an error names at most. */
const mostNamed = 3;

/** A run of slots, and the primary that has them. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly owner: NodeAddress;
}

/** What one node has said. */
interface Table {
  /** When it was asked, by the clock of `performance.now()`. */
  readonly askedAt: number;
  readonly askedOf: NodeAddress;
  readonly ranges: readonly Range[];
  /** All nodes that it knows, replicas as well. */
  readonly nodes: readonly NodeAddress[];
}

/** Who may ask. */
type Access = Pick<Address, 'username' | 'password' | 'tls'>;

const clusters = new Map<string, Cluster>();

/** A cluster, one for all connections of the process to it. */
export class Cluster {
  readonly #seeds: readonly NodeAddress[];
  readonly #access: Access;
  #table: Table | undefined;
  #asking: { readonly at: number; readonly table: Promise<Table> } | undefined;
  /** Counts askings: each begins with another node, as one may be cut off and not know it. */
  #round = 0;

  private constructor(seeds: readonly NodeAddress[], access: Access) {
    this.#seeds = seeds;
    this.#access = access;
  }

  /** That of an address, which is known by its nodes and by who asks. */
  static of(seeds: readonly NodeAddress[], { username, password, tls }: Access): Cluster {
    const key = JSON.stringify([seeds, username, password, tls]);
    let cluster = clusters.get(key);
    if (!cluster) {
      const access = { ...(username && { username }), ...(password && { password }) };
      clusters.set(key, (cluster = new Cluster(seeds, { ...access, ...(tls && { tls }) })));
    }
    return cluster;
  }

  /**
   * Gives the node that has a slot.
   *
   * @param since what nodes have said before that does not count, by the clock of `performance.now()`
   * @throws Error when none of the nodes answers, or none has the slot
   */
  async owner(slot: number, since: number): Promise<NodeAddress> {
    const known = this.#table;
    const table = known && known.askedAt >= since ? known : await this.#ask(since);
    const range = table.ranges.find(({ from, to }) => from <= slot && slot <= to);
    if (range) return range.owner;
    throw new Error(`no node has slot ${slot} of the cluster, says ${nameOf(table.askedOf)}`);
  }

  /** Those who ask at a time share one answer. */
  async #ask(since: number): Promise<Table> {
    if (!this.#asking || this.#asking.at < since) {
      const asking = { at: performance.now(), table: this.#first() };
      this.#asking = asking;
      const done = (): void => {
        if (this.#asking === asking) this.#asking = undefined;
      };
      asking.table.then((table) => {
        this.#table = table;
        done();
      }, done);
    }
    return this.#asking.table;
  }

  /** The first answer of any node. Each is given a moment before the next is asked beside it. */
  #first(): Promise<Table> {
    const nodes = this.#inTurn();
    const failed: string[] = [];
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let next = 0;
      const more = (): void => {
        clearTimeout(timer);
        const node = nodes[next];
        if (!node) return;
        next += 1;
        timer = setTimeout(more, stagger);
        ask(node, this.#access).then(
          (table) => {
            next = nodes.length;
            clearTimeout(timer);
            resolve(table);
          },
          (error: unknown) => {
            failed.push(
              `${nameOf(node)}: ${error instanceof Error ? error.message : String(error)}`,
            );
            if (failed.length === nodes.length) reject(silence(failed));
            else more();
          },
        );
      };
      more();
    });
  }

  /** All that are known, each once. */
  #inTurn(): NodeAddress[] {
    const nodes = [...this.#seeds, ...(this.#table?.nodes ?? [])];
    const all = [...new Map(nodes.map((node) => [nameOf(node), node])).values()];
    const first = this.#round % all.length;
    this.#round += 1;
    return [...all.slice(first), ...all.slice(0, first)];
  }
}

const nameOf = ({ host, port }: NodeAddress): string => `${host}:${port}`;

function silence(failed: readonly string[]): Error {
  const rest = failed.length - mostNamed;
  const named = failed.slice(0, mostNamed).join('; ');
  return new Error(
    `none of the cluster's nodes answers (${named}${rest > 0 ? `; and ${rest} more` : ''})`,
  );
}

/** Asks a node on a connection that is closed behind it. */
async function ask(node: NodeAddress, access: Access): Promise<Table> {
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
    const [slots, info] = await Promise.all([client.cluster('SLOTS'), client.info('server')]);
    checkVersion(info);
    return tableOf(slots, node, askedAt);
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
export function tableOf(reply: readonly unknown[], askedOf: NodeAddress, askedAt: number): Table {
  const ranges: Range[] = [];
  const nodes: NodeAddress[] = [];
  for (const [from, to, ...members] of reply as [number, number, ...unknown[]][]) {
    const addresses = members.map((member) => addressOf(member, askedOf));
    nodes.push(...addresses.filter((address) => address !== undefined));
    const [owner] = addresses;
    if (owner) ranges.push({ from, to, owner });
  }
  return { askedAt, askedOf, ranges, nodes };
}

/** A node without a host is where the one is that was asked; one that does not know its name says "?". */
function addressOf(member: unknown, askedOf: NodeAddress): NodeAddress | undefined {
  const [host, port] = member as [string | null, number];
  if (host === '?') return undefined;
  return { host: host || askedOf.host, port };
}
