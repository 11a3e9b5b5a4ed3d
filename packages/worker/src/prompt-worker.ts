/** BullMQ's Worker, made to stop at once wherever it pauses or waits, and to ask nothing twice. */
import type { Worker } from 'bullmq';
import { dropConnection } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { bullmq } from './bullmq.js';

/** What BullMQ's pauses end by; its types are of another implementation. */
type End = NonNullable<Parameters<Worker['delay']>[1]>;

/** BullMQ's backend, as far as it is not to be seen. */
interface Blocking {
  readonly blockingConnection: { readonly _client: Redis };
}

/** How long BullMQ waits behind an error of a connection before it looks again, in milliseconds. */
const errorPause = 5_000;

export class PromptWorker extends bullmq.Worker<unknown, unknown, string> {
  #ready: Promise<void> | undefined;
  readonly #closed = new AbortController() as unknown as End;

  /** BullMQ asks this for every job; once is enough. Later outages are the connection's to heal. */
  override waitUntilReady(): Promise<void> {
    return (this.#ready ??= super.waitUntilReady());
  }

  /** Without telemetry there is nothing to wrap, and each wrapping costs a job three promises. */
  override trace<T>(...given: Parameters<Worker['trace']>): Promise<T> {
    const callback = given[3] as () => Promise<T>;
    return callback();
  }

  /** BullMQ's pauses behind errors end with the worker. */
  override delay(span?: number, end = this.#closed): Promise<void> {
    return super.delay(span, end);
  }

  /** That of the look for stalled jobs, too. */
  protected override async checkConnectionError<T>(
    work: () => Promise<T>,
    pause = errorPause,
  ): Promise<T | undefined> {
    let failed = false;
    const noted = (error: unknown): never => {
      failed = true;
      throw error;
    };
    const value = await super.checkConnectionError(() => work().catch(noted), 0);
    if (failed && !this.closing) await this.delay(pause);
    return value ?? undefined;
  }

  /** Ends its pauses, takes no more jobs, and waits for those that run. */
  override close(force?: boolean): Promise<void> {
    this.#closed.abort();
    return super.close(force);
  }

  /** Ends the connection that BullMQ blocks on, at once: it would wait for a server that is away. */
  cut(): void {
    const { blockingConnection: blocking } = this.backend as unknown as Blocking;
    dropConnection(blocking._client);
  }
}
