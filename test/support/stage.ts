/** What most tests stand on: a prefix and a trace of their own on an engine, with an App to call from. */
import { randomBytes } from 'node:crypto';
import { App, type AppOptions } from 'dtask';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { Trace } from './trace.js';

/** How the App of a stage differs from the default. */
export type StageOptions = Omit<AppOptions, 'broker' | 'prefix'>;

/** A test's part of an engine. */
export class Stage {
  readonly prefix = `t-${randomBytes(6).toString('hex')}`;
  readonly trace = new Trace();
  readonly app: App;
  /** A plain client, to look at Redis from outside of dtask. */
  readonly redis: Redis;
  readonly #url: string;

  constructor(url: string, options: StageOptions = {}) {
    this.#url = url;
    this.app = new App('caller', { broker: url, prefix: this.prefix, ...options });
    this.redis = new Redis(url, { maxRetriesPerRequest: null });
    // Tests take Redis away; this client then waits, and an 'error' nobody hears would end the run.
    this.redis.on('error', () => undefined);
  }

  /** The environment that puts a `dtask` process onto this stage. */
  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      DTASK_BROKER_URL: this.#url,
      DTASK_PREFIX: this.prefix,
      TRACE_DIR: this.trace.dir,
      ...more,
    };
  }

  /** The key of something that BullMQ keeps for a queue. */
  key(part: string, queue = 'default'): string {
    return `${this.prefix}:{${queue}}:${part}`;
  }

  /** Ends all that it opened. */
  async strike(): Promise<void> {
    try {
      await this.app.close();
    } finally {
      this.redis.disconnect();
      this.trace[Symbol.dispose]();
    }
  }
}

/** Sets a stage that is struck when the test ends. */
export function setStage(url: string, options?: StageOptions): Stage {
  const stage = new Stage(url, options);
  onTestFinished(() => stage.strike());
  return stage;
}
