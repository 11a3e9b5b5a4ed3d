/** A primary with a replica and three sentinels of a test file's own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App, AppOptions } from 'dtask';
import { freePorts } from './free-ports.js';
import { ServerProcess } from './server-process.js';
import { unseenApp } from './unseen-app.js';
import { until } from './until.js';

/** The reason that tests print when they are skipped for the want of a server. */
export const needsSentinels =
  'needs valkey-server or redis-server on PATH, which are sentinels too';

/** What the sentinels call the primary. */
const name = 'mymaster';

/** Servers that watch one another. */
export class Sentinels implements AsyncDisposable {
  readonly servers: readonly ServerProcess[];
  readonly sentinels: readonly ServerProcess[];
  readonly #dir: string;

  private constructor(
    servers: readonly ServerProcess[],
    sentinels: readonly ServerProcess[],
    dir: string,
  ) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.#dir = dir;
  }

  /** @param login what the sentinels ask for, where they do; the servers as well then */
  static async start({ login = '' } = {}): Promise<Sentinels> {
    const dir = mkdtempSync(join(tmpdir(), 'dtask-sentinels-'));
    const [first = 0, second = 0, ...others] = await freePorts(5);
    const server = (port: number, more: Readonly<Record<string, string>>): ServerProcess =>
      new ServerProcess(
        port,
        {
          port,
          dir,
          bind: '127.0.0.1',
          dbfilename: `dump-${port}.rdb`,
          'repl-diskless-sync-delay': 0,
          'repl-ping-replica-period': 1,
          save: '',
          ...(login !== '' && { requirepass: login, masterauth: login }),
          ...more,
        },
        [],
        login,
      );
    const servers = [server(first, {}), server(second, { replicaof: `127.0.0.1 ${first}` })];
    const sentinels = others.map((port) => {
      const file = join(dir, `sentinel-${port}.conf`);
      const auth =
        login === '' ? [] : [`requirepass ${login}`, `sentinel auth-pass ${name} ${login}`];
      const lines = [
        `port ${port}`,
        `dir ${dir}`,
        'bind 127.0.0.1',
        `sentinel monitor ${name} 127.0.0.1 ${first} 2`,
        ...auth,
        `sentinel down-after-milliseconds ${name} 1000`,
        `sentinel failover-timeout ${name} 5000`,
      ];
      writeFileSync(file, lines.join('\n'));
      return new ServerProcess(port, {}, [file, '--sentinel'], login);
    });
    const all = new Sentinels(servers, sentinels, dir);
    try {
      await all.settled();
    } catch (error) {
      await all[Symbol.asyncDispose]();
      throw error;
    }
    return all;
  }

  /** Resolves when each sentinel knows the others and the replica. */
  async settled(): Promise<void> {
    for (const { redis } of this.sentinels) {
      await until(
        'a sentinel knows all',
        async () => {
          const facts = ((await redis.call('SENTINEL', 'MASTER', name)) as string[]).join(' ');
          return /num-slaves 1 num-other-sentinels 2/.test(facts);
        },
        30_000,
      );
    }
    await until('the replica has its copy', async () =>
      /master_link_status:up/.test((await this.servers[1]?.redis.info('replication')) ?? ''),
    );
  }

  /** @param login with a colon at its end where there is a user */
  urlWith(login: string, more = ''): string {
    const places = this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `redis+sentinel://${login === '' ? '' : `:${login}@`}${places}/${name}${more}`;
  }

  get url(): string {
    return this.urlWith('');
  }

  /** An App that no other sees, closed when the test ends. */
  app(options: AppOptions = {}): App {
    return unseenApp({ broker: this.url, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.servers, ...this.sentinels].map((one) => one.kill()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
