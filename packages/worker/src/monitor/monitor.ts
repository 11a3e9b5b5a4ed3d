/** What a worker tells of itself: over HTTP to orchestrators and Prometheus, and in code. */
import { type App, ConfigError } from '@dtask/core';
import type { WorkerConfig } from '@dtask/core/internal';
import type { WorkerLog } from '../log.js';
import { Depths } from './depths.js';
import { familiesOf } from './families.js';
import { HttpServer, json, type Page, plain } from './http-server.js';
import { Profile, writeProfile } from './profile.js';
import { findPrometheus, howToInstall, type Prometheus } from './prometheus.js';
import { Readiness, type WorkerParts } from './readiness.js';
import { TaskCounts } from './task-counts.js';

/** What a monitor shows of its worker. */
export interface Monitored {
  readonly app: App;
  readonly name: string;
  readonly queues: readonly string[];
  readonly log: WorkerLog;
  /** How many tasks run. */
  readonly running: number;
  /** How many may. */
  readonly size: number;
}

/** The pages and the metrics of a worker. */
export class Monitor {
  /** What is counted of the worker's tasks. */
  readonly counts: TaskCounts;
  readonly #worker: Monitored;
  readonly #parts: () => WorkerParts;
  readonly #readiness: Readiness;
  readonly #depths: Depths;
  #server: HttpServer | undefined;
  #profile: Profile | undefined;
  #address: string | undefined;
  #prometheus: Promise<Prometheus | undefined> | undefined;

  constructor(worker: Monitored, parts: () => WorkerParts) {
    this.#worker = worker;
    this.counts = new TaskCounts(worker.app.tasks);
    this.#parts = parts;
    this.#readiness = new Readiness(parts);
    this.#depths = new Depths(worker);
  }

  /** Where it listens, if it does. */
  get address(): string | undefined {
    return this.#address;
  }

  /**
   * Opens the port, where there is one, and then starts the worker: an orchestrator wants to know of
   * one that waits for Redis. A worker that cannot start leaves no port behind.
   *
   * @throws StartupError when the port cannot be had; whatever `start` throws
   */
  async open(config: WorkerConfig, start: () => Promise<void>): Promise<void> {
    if (config.httpPort >= 0) await this.#listen(config.httpHost, config.httpPort);
    try {
      if (config.profile) this.#profile = await Profile.start(config.profile, this.#worker.name);
      if (!this.#parts().stopping) await start();
      this.#readiness.started = true;
    } catch (error) {
      await this.close();
      throw error;
    }
    // Told to stop while the port was opened, the worker found nothing to close.
    if (this.#parts().stopping && !this.#parts().links) await this.close();
  }

  async #listen(host: string, port: number): Promise<void> {
    const { log } = this.#worker;
    const pages = {
      '/healthz': (): Page => json(200, { alive: true }),
      '/readyz': () => this.#readyPage(),
      '/metrics': () => this.#metricsPage(),
    };
    this.#server = new HttpServer(pages, (error) => log.warn({ err: error }, "the worker's HTTP"));
    this.#address = await this.#server.listen(host, port);
    // Ahead of the first task: the first one to ask would hold all tasks up while it loads.
    await this.#client().then(
      (prometheus) => prometheus?.prepare(),
      () => undefined,
    );
    log.info({ http: this.#address }, `/healthz, /readyz and /metrics are at ${this.#address}`);
  }

  async close(): Promise<void> {
    this.#address = undefined;
    await this.#server?.close();
    const profile = this.#profile;
    this.#profile = undefined;
    if (profile) await writeProfile(profile, this.#worker.log);
  }

  /**
   * The metrics, in Prometheus' text format.
   *
   * @throws ConfigError when prom-client is not installed
   */
  async metrics(): Promise<string> {
    const prometheus = await this.#client();
    if (!prometheus) throw new ConfigError(howToInstall);
    return this.#text(prometheus);
  }

  async #readyPage(): Promise<Page> {
    const reason = await this.#readiness.look();
    return reason === undefined ? json(200, { ready: true }) : json(503, { ready: false, reason });
  }

  async #metricsPage(): Promise<Page> {
    const prometheus = await this.#client();
    if (!prometheus) return plain(501, howToInstall);
    const { contentType } = prometheus;
    return { status: 200, type: contentType, body: await this.#text(prometheus) };
  }

  #client(): Promise<Prometheus | undefined> {
    return (this.#prometheus ??= findPrometheus());
  }

  async #text(prometheus: Prometheus): Promise<string> {
    const { name: worker, running, size } = this.#worker;
    const { refused } = this.#parts();
    const { pools, links } = this.#parts();
    const depth = links?.main.connection.status === 'ready' ? await this.#depths.read() : new Map();
    const online = this.#readiness.obstacle() === undefined;
    const children = pools?.loaded() ?? {};
    const reading = {
      worker,
      counts: this.counts,
      depth,
      online,
      running,
      refused,
      size,
      children,
    };
    return prometheus.write(familiesOf(reading));
  }
}
