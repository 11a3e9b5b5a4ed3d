/** A Redis Cluster of a test file's own: nodes on free ports, joined, which can be killed and whose slots can be moved. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App, AppOptions } from 'dtask';
import { freePorts } from './free-ports.js';
import { ServerProcess } from './server-process.js';
import { unseenApp } from './unseen-app.js';
import { until } from './until.js';

/** The reason that tests print when they are skipped for the want of one. */
export const needsServer = 'needs valkey-server or redis-server on PATH, to make a cluster of';

/** How many slots there are. */
const slotCount = 16_384;

/** A server of a cluster. */
export class ClusterNode extends ServerProcess {
  constructor(port: number, busPort: number, dir: string) {
    super(port, {
      port,
      dir,
      bind: '127.0.0.1',
      'cluster-enabled': 'yes',
      'cluster-port': busPort,
      'cluster-node-timeout': 1_000,
      'cluster-config-file': `nodes-${port}.conf`,
      dbfilename: `dump-${port}.rdb`,
      'repl-diskless-sync-delay': 0,
      // A replica is not told of before its primary has sent it something.
      'repl-ping-replica-period': 1,
      save: '',
    });
  }

  async id(): Promise<string> {
    return (await this.redis.cluster('MYID')) as unknown as string;
  }

  /** How often it was asked for a command since the last reset of its counts. */
  async calls(command: string): Promise<number> {
    const info = await this.redis.info('commandstats');
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  }

  /** All keys with a prefix. */
  async keys(prefix: string): Promise<string[]> {
    return (await this.redis.keys('*')).filter((key) => key.includes(prefix)).toSorted();
  }
}

/** A cluster that runs. */
export class RedisCluster implements AsyncDisposable {
  readonly primaries: readonly ClusterNode[];
  /** That of each primary, where they have one. */
  readonly replicas: readonly ClusterNode[];
  readonly #dir: string;

  private constructor(
    primaries: readonly ClusterNode[],
    replicas: readonly ClusterNode[],
    dir: string,
  ) {
    this.primaries = primaries;
    this.replicas = replicas;
    this.#dir = dir;
  }

  /** Starts one of three nodes, each with a replica where that is asked for; resolves when all know of all. */
  static async start({ replicas = false } = {}): Promise<RedisCluster> {
    const count = replicas ? 6 : 3;
    const dir = mkdtempSync(join(tmpdir(), 'dtask-cluster-'));
    const ports = await freePorts(2 * count);
    const nodes = Array.from(
      { length: count },
      (_, at) => new ClusterNode(ports[at] as number, ports[count + at] as number, dir),
    );
    const cluster = new RedisCluster(nodes.slice(0, 3), nodes.slice(3), dir);
    try {
      await cluster.#join(ports.slice(count));
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #join(busPorts: readonly number[]): Promise<void> {
    const { nodes, primaries } = this;
    for (const [at, { redis }] of primaries.entries()) {
      const from = Math.floor((at * slotCount) / primaries.length);
      const to = Math.floor(((at + 1) * slotCount) / primaries.length) - 1;
      await redis.cluster('ADDSLOTSRANGE', from, to);
      await redis.cluster('SET-CONFIG-EPOCH', at + 1);
    }
    // Each meets each: by gossip alone it would take them seconds to hear of one another.
    for (const [from, { redis }] of nodes.entries())
      for (const [at, { port }] of nodes.entries())
        if (from < at) await redis.call('CLUSTER', 'MEET', '127.0.0.1', port, busPorts[at] ?? 0);
    const ids = await Promise.all(primaries.map((one) => one.id()));
    for (const [at, { redis }] of this.replicas.entries()) {
      const id = ids[at] as string;
      await until(`replica ${at} knows its primary`, async () =>
        redis.cluster('REPLICATE', id).catch(() => false),
      );
    }
    await this.settled();
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.primaries, ...this.replicas];
  }

  get url(): string {
    return `redis+cluster://${this.primaries.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** Resolves when all nodes know of all, and every slot is served. */
  async settled(): Promise<void> {
    await until(
      'the cluster is whole',
      async () => {
        const told = await Promise.all(
          this.nodes.map(async ({ redis }) => [
            await redis.cluster('INFO'),
            (await redis.cluster('SLOTS')).map((range) => range.length - 2).join(),
          ]),
        );
        const members = Array.from({ length: 3 }, () => this.nodes.length / 3).join();
        return told.every(
          ([info, slots]) =>
            String(info).includes('cluster_state:ok') &&
            String(info).includes(`cluster_known_nodes:${this.nodes.length}`) &&
            slots === members,
        );
      },
      30_000,
    );
    for (const { redis } of this.replicas)
      await until('a replica has its copy', async () =>
        (await redis.info('replication')).includes('master_link_status:up'),
      );
  }

  /** An App that no other sees, closed when the test ends. */
  app(options: AppOptions = {}): App {
    return unseenApp({ broker: this.url, shards: 6, ...options });
  }

  /** The primary that has a slot, as all of them say. */
  async ownerOf(slot: number): Promise<ClusterNode> {
    return until(`the nodes agree on slot ${slot}`, async () => {
      const ports = await Promise.all(this.primaries.map((node) => portOf(node, slot)));
      const agreed = new Set(ports).size === 1;
      return agreed && this.nodes.find(({ port }) => port === ports[0]);
    });
  }

  /**
   * Moves a slot, with all keys that it has, as `redis-cli --cluster reshard` does.
   *
   * @param meanwhile runs when the slot is on its way, its keys still on the first node
   */
  async move(slot: number, to: ClusterNode, meanwhile?: () => Promise<void>): Promise<void> {
    const from = await this.ownerOf(slot);
    const [target, source] = await Promise.all([to.id(), from.id()]);
    await to.redis.cluster('SETSLOT', slot, 'IMPORTING', source);
    await from.redis.cluster('SETSLOT', slot, 'MIGRATING', target);
    await meanwhile?.();
    for (;;) {
      const keys = (await from.redis.cluster('GETKEYSINSLOT', slot, 100)) as unknown as string[];
      if (keys.length === 0) break;
      const how = ['', '0', '5000', 'KEYS', ...keys];
      await from.redis.call('MIGRATE', '127.0.0.1', to.port, ...how);
    }
    for (const { redis } of [to, from, ...this.primaries])
      await redis.cluster('SETSLOT', slot, 'NODE', target);
    await this.ownerOf(slot);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

async function portOf({ redis }: ClusterNode, slot: number): Promise<number | undefined> {
  for (const [from, to, owner] of await redis.cluster('SLOTS'))
    if (Number(from) <= slot && slot <= Number(to)) return owner?.[1];
  return undefined;
}
