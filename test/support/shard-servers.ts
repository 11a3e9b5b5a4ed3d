/** Several servers of a test file's own: one for what all share, and those over which tasks are spread. */
import { randomUUID } from 'node:crypto';
import type { App, AppOptions } from 'dtask';
import { testWorker } from 'dtask/testing';
import type { Worker, WorkerOptions } from 'dtask/worker';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { Engine } from './engine.js';
import { unseenApp } from './unseen-app.js';

/** Servers, and what stands on them. */
export class ShardServers implements AsyncDisposable {
  readonly main: Engine;
  readonly shards: readonly Engine[];

  private constructor(main: Engine, shards: readonly Engine[]) {
    this.main = main;
    this.shards = shards;
  }

  /** @param keep whether their data is there again after `start()`; takes a native server */
  static async start(count: number, { keep = false } = {}): Promise<ShardServers> {
    const [main, ...shards] = await Promise.all(
      Array.from({ length: count + 1 }, () => Engine.start({ keep })),
    );
    return new ShardServers(main as Engine, shards);
  }

  get urls(): string[] {
    return this.shards.map(({ url }) => url);
  }

  /** An App that no other sees, closed when the test ends. */
  app(options: AppOptions = {}): App {
    return unseenApp({ broker: this.main.url, shards: this.urls, ...options });
  }

  /** All keys of an App on a server. */
  async keysOf(app: App, engine: Engine): Promise<string[]> {
    const redis = new Redis(engine.url);
    try {
      return (await redis.keys(`${app.config.prefix}*`)).sort();
    } finally {
      redis.disconnect();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.main, ...this.shards].map((one) => one[Symbol.asyncDispose]()));
  }
}

/** An id that belongs to a shard. */
export function idOn(app: App, index: number): string {
  for (;;) {
    const id = randomUUID();
    if (app.queues.shards.of(id).index === index) return id;
  }
}

/** A worker in this process, stopped when the test ends. */
export async function workerOf(app: App, options: WorkerOptions = {}): Promise<Worker> {
  const worker = await testWorker(app, options);
  onTestFinished(() => worker.stop({ force: true }));
  return worker;
}
