/** The queues of a worker, of which some may come and go while it runs. */
import { bullQueueName, enterQueue } from '@dtask/core/internal';
import type { Broadcasts } from './broadcasts.js';
import { Consumer, type ConsumerPlace } from './consumer.js';
import type { QueueKeeper } from './lock-keeper.js';
import { renewal } from './presence.js';

/** What the consumers of a worker need of it. */
export interface ConsumersPlace extends ConsumerPlace {
  readonly broadcasts: Broadcasts;
  readonly keeper: QueueKeeper | undefined;
}

/** Takes tasks from several queues. */
export class Consumers {
  readonly #place: ConsumersPlace;
  /** What to take tasks from, at once or when the server is there. */
  readonly #wanted = new Set<string>();
  readonly #consumers = new Map<string, Consumer>();
  /** Those whose last tasks still run. */
  readonly #leaving = new Set<Consumer>();
  #stopping = false;
  #renewal: NodeJS.Timeout | undefined;

  constructor(place: ConsumersPlace) {
    this.#place = place;
  }

  /** The names of the queues. */
  get queues(): readonly string[] {
    return [...this.#consumers.keys()];
  }

  /** Has `start()` begin with queues. */
  want(queues: readonly string[]): void {
    for (const queue of queues) this.#wanted.add(queue);
  }

  /** Whether it takes tasks from a queue, or will when the server is there. */
  wants(queue: string): boolean {
    return this.#wanted.has(queue);
  }

  /** Begins to take tasks from the queues that are wanted by now. */
  async start(): Promise<void> {
    await Promise.all(Array.from(this.#wanted, (queue) => this.#consume(queue)));
    this.#watch();
    if (!this.#stopping) this.#renewal = setInterval(() => this.#enter(), renewal).unref();
  }

  /** A Redis that has lost its data has lost the names of the queues. */
  #enter(): void {
    const { connection, prefix } = this.#place;
    for (const queue of this.#consumers.keys()) {
      // While Redis is away nothing is lost by that: it comes again.
      enterQueue(connection, prefix, queue).catch(() => undefined);
    }
  }

  get #all(): readonly Consumer[] {
    return [...this.#consumers.values(), ...this.#leaving];
  }

  /** How many jobs it has: those that run, and those whose end is not written yet. */
  get busy(): number {
    return this.#all.reduce((sum, { busy }) => sum + busy, 0);
  }

  /** Ends the connections that it waits for jobs on, at once. */
  cut(): void {
    for (const consumer of this.#all) consumer.cut();
  }

  /** Takes tasks from one more queue; gives whether it did not before. */
  async add(queue: string): Promise<boolean> {
    if (this.#stopping) throw new Error('the worker is stopping');
    if (this.#wanted.has(queue)) return false;
    this.#wanted.add(queue);
    await this.#consume(queue);
    this.#watch();
    return true;
  }

  /** Takes no more tasks from a queue; those that run end. Gives whether it did before. */
  cancel(queue: string): boolean {
    if (this.#stopping) return false;
    const wanted = this.#wanted.delete(queue);
    const consumer = this.#consumers.get(queue);
    if (!consumer) return wanted;
    this.#consumers.delete(queue);
    this.#leaving.add(consumer);
    consumer.stop().then(
      () => {
        this.#leaving.delete(consumer);
        if (!this.#stopping) this.#watch();
      },
      (error: unknown) =>
        this.#place.log.error({ err: error, queue }, 'a queue was not left in order'),
    );
    return true;
  }

  /** Takes no more tasks; resolves when those that run have ended. */
  async stop(force = false): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#renewal);
    if (!force) this.#place.executor.hurry();
    await Promise.all(this.#all.map((consumer) => consumer.stop()));
  }

  async #consume(queue: string): Promise<void> {
    const { connection, prefix, broadcasts, log } = this.#place;
    let consumer: Consumer | undefined;
    try {
      await enterQueue(connection, prefix, queue);
      // The server may have been away: by now it was cancelled, or asked for a second time.
      if (this.#stopping || !this.#wanted.has(queue) || this.#consumers.has(queue)) return;
      consumer = new Consumer(broadcasts.source(queue), this.#place, queue);
      this.#consumers.set(queue, consumer);
      await consumer.start((error) => log.error({ err: error, queue }, 'a queue stopped'));
    } catch (error) {
      // Cancelled and asked for again meanwhile, the name is another one's.
      if (this.#consumers.get(queue) === consumer) {
        this.#wanted.delete(queue);
        this.#consumers.delete(queue);
      }
      throw error;
    }
  }

  /** Tells the keeper whose locks to keep: also those of tasks that end with their consumer. */
  #watch(): void {
    const { keeper, prefix } = this.#place;
    keeper?.watch(
      this.#all.map(({ queue, tokenPrefix }) => {
        const base = `${prefix}:${bullQueueName(queue)}:`;
        return { active: `${base}active`, jobPrefix: base, tokenPrefix };
      }),
    );
  }
}
