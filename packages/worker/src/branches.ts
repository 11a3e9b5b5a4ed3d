/** The branches of a worker, one for each server that it takes tasks from, as one. */
import { ConfigError } from '@dtask/core';
import type { Message, Outcome } from '@dtask/core/internal';
import { Branch, type BranchPlace } from './branch.js';
import type { Current } from './current.js';
import { type Links, nameOf } from './links.js';
import type { Revoked } from './revoked.js';
import { within } from './within.js';

/** How long a start waits for servers that are away, where another one is there, in milliseconds. */
const patience = 5_000;

/** They share slots, pools, counts and limits. One whose server is away stops no other. */
export class Branches {
  readonly #place: BranchPlace;
  readonly #links: Links;
  readonly #served: readonly Branch[];
  /** Where broadcasts are, if that is none of the others. */
  #main: Branch | undefined;
  #stopping = false;

  constructor(place: BranchPlace, links: Links) {
    this.#place = place;
    this.#links = links;
    this.#served = links.served.map((link) => new Branch(place, link, links.sign));
    this.#main = this.#served.find(({ link }) => link === links.main);
  }

  get #all(): readonly Branch[] {
    const main = this.#main;
    return main && !this.#served.includes(main) ? [...this.#served, main] : this.#served;
  }

  /** The names of the queues. */
  get queues(): readonly string[] {
    return [...new Set(this.#all.flatMap(({ consumers }) => consumers.queues))];
  }

  /** The jobs that are executed now. */
  get current(): readonly Current[] {
    return this.#all.flatMap(({ executor }) => [...executor.current]);
  }

  /** How many those are. */
  get running(): number {
    return this.#all.reduce((sum, { executor }) => sum + executor.current.size, 0);
  }

  /**
   * Begins to take tasks from queues. Of several servers those that are away are not waited for long:
   * their tasks are taken when they are there.
   */
  async start(queues: readonly string[]): Promise<void> {
    const parts = [...partsOf(queues, (queue) => this.#on(queue))];
    const starts = parts.map(([branch, some]) => branch.start(some));
    const all = Promise.all(starts);
    if (!this.#links.several || (await within(patience, all))) {
      await all;
      return;
    }
    for (const [at, start] of starts.entries()) {
      const { link } = (parts[at] as (typeof parts)[number])[0];
      start.catch((error: unknown) => {
        this.#place.log.error({ err: error }, `${nameOf(link.shard)} was not begun with`);
      });
    }
    await Promise.any(starts);
  }

  /** Those that have a queue: of a broadcast, that on the main server. */
  #on(queue: string): readonly Branch[] {
    if (this.#place.broadcasts.source(queue) === queue) return this.#served;
    this.#main ??= new Branch(this.#place, this.#links.main, this.#links.sign);
    return [this.#main];
  }

  /**
   * Takes tasks from one more queue; gives whether it did not before.
   *
   * @throws ConfigError where the queue is for all workers, and this one does not listen
   */
  async add(queue: string): Promise<boolean> {
    const { app, broadcasts } = this.#place;
    if (app.broadcast.includes(queue) && broadcasts.source(queue) === queue)
      throw new ConfigError(
        `${queue} is broadcast: a worker hears it from its start on, or not; start it with ${queue} among its queues`,
      );
    const added = await Promise.all(
      this.#on(queue).map(async ({ consumers, link }) => {
        const isNew = !consumers.wants(queue);
        const adding = consumers.add(queue);
        if (!this.#links.several || link.connection.status === 'ready') return adding;
        // It goes on when the server is there.
        adding.catch((error: unknown) => {
          this.#place.log.error({ err: error, queue }, `not taken from on ${nameOf(link.shard)}`);
        });
        return isNew;
      }),
    );
    return added.includes(true);
  }

  /** Takes no more tasks from a queue; those that run end. Gives whether it did before. */
  cancel(queue: string): boolean {
    return this.#all.map(({ consumers }) => consumers.cancel(queue)).includes(true);
  }

  /** Revokes a task that is here; gives whether it is. */
  revoke(id: string, by: Revoked): boolean {
    return this.#all.some(({ executor }) => executor.revoke(id, by));
  }

  /** Stores a state that is not the last, of a run that goes on. */
  async report(message: Message, outcome: Outcome): Promise<void> {
    for (const { executor, outcomes } of this.#all) {
      for (const current of executor.current) {
        if (current.running === message) return outcomes.report(current, message, outcome);
      }
    }
  }

  /** Ends everything that runs, and lets nothing start any more. */
  withdrawAll(): void {
    for (const { executor, refusals } of this.#all) {
      executor.withdrawAll();
      refusals.giveUp();
    }
  }

  /** How many tasks wait for what Redis refuses. */
  get refused(): number {
    return this.#all.reduce((sum, { refusals }) => sum + refusals.size, 0);
  }

  /** Takes no more tasks; resolves when those that run have ended. */
  async stop(force: boolean): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#all.map((branch) => branch.stop(force)));
  }

  /** Ends the connections that it takes tasks by, at once. */
  cut(): void {
    for (const branch of this.#all) branch.cut();
  }

  /** Whether it still takes tasks. */
  get open(): boolean {
    return !this.#stopping;
  }
}

/** The queues of each branch. */
function partsOf(
  queues: readonly string[],
  branchesOf: (queue: string) => readonly Branch[],
): Map<Branch, string[]> {
  const parts = new Map<Branch, string[]>();
  for (const queue of queues) {
    for (const branch of branchesOf(queue)) {
      const part = parts.get(branch);
      if (part) part.push(queue);
      else parts.set(branch, [queue]);
    }
  }
  return parts;
}
