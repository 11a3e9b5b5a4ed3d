/** A worker's branch on one server: takes the tasks there, runs them, and ends them there. */
import { dropConnection, type WorkerConfig } from '@dtask/core/internal';
import type { Broadcasts } from './broadcasts.js';
import { connected } from './connected.js';
import { Consumers } from './consumers.js';
import { Executor } from './executor.js';
import type { ExecutorPlace } from './executor-place.js';
import type { LifeSign } from './life-sign.js';
import { type Link, nameOf } from './links.js';
import type { LockKeeper } from './lock-keeper.js';
import { Outcomes } from './outcomes.js';
import { type Refusals, refusalsOf } from './refusals.js';
import { within } from './within.js';

/** How often it is looked whether the server of a branch that stops is there, in milliseconds. */
const look = 500;
/**
 * How long a branch that stops waits for its server, in milliseconds: where nothing runs, for the end of a
 * fetch; where tasks have ended, to come back and hear of that. They run again where it does not.
 */
const patience = { idle: 5_000, unwritten: 30_000 } as const;

/** What the branches of a worker share. */
export interface BranchPlace extends Omit<
  ExecutorPlace,
  'connection' | 'prefix' | 'refusals' | 'aside'
> {
  /** What Redis refuses on any of several servers. */
  readonly aside: Refusals | undefined;
  readonly config: WorkerConfig;
  readonly broadcasts: Broadcasts;
  readonly keeper: LockKeeper | undefined;
}

/** An executor and what feeds it: its outcomes and its jobs' ends are on one connection. */
export class Branch {
  readonly link: Link;
  readonly outcomes: Outcomes;
  readonly executor: Executor;
  readonly consumers: Consumers;
  readonly refusals: Refusals;
  readonly #place: BranchPlace;
  readonly #sign: LifeSign;
  #stopping = false;

  constructor(place: BranchPlace, link: Link, sign: LifeSign) {
    const { connection, prefix } = link;
    const { slots, config, broadcasts, log, counts } = place;
    this.#place = place;
    this.#sign = sign;
    this.link = link;
    const meanwhile = '; no more tasks are taken meanwhile';
    const refusals = (this.refusals = refusalsOf(connection, log, counts, meanwhile));
    const own = { ...place, connection, prefix, refusals, aside: place.aside ?? refusals };
    this.outcomes = new Outcomes(own);
    this.executor = new Executor(own, this.outcomes);
    const keeper = place.keeper?.of(link.shard);
    const { executor } = this;
    const shared = { slots, config, broadcasts, log, refusals, counts, sign };
    this.consumers = new Consumers({ ...shared, connection, prefix, executor, keeper });
  }

  /**
   * Begins to take tasks when the server is there; does not, where it was stopped by then, and not
   * from queues that were cancelled meanwhile.
   */
  async start(queues: readonly string[]): Promise<void> {
    this.consumers.want(queues);
    const { connection, shard } = this.link;
    const what = `no tasks are taken from ${nameOf(shard)} yet`;
    await connected(connection, shard.address, this.#place.log, what);
    // On the main server the connection that hears control requests shows that the worker lives.
    if (shard !== this.#place.app.queues.shards.main) await this.#sign.give(shard);
    if (this.#stopping) return;
    await this.consumers.start();
  }

  /**
   * Takes no more tasks; resolves when those that run have ended. A server that is away, or says nothing,
   * is waited for only while something runs here that it has to hear of.
   */
  async stop(force: boolean): Promise<void> {
    this.#stopping = true;
    this.refusals.hurry();
    const stopped = this.consumers.stop(force);
    const wait = new Wait(this);
    do {
      if (wait.isVain) this.cut();
    } while (!(await within(look, stopped)));
    return stopped;
  }

  /** Ends its connections at once. What runs goes on, and Redis does not hear of it. */
  cut(): void {
    dropConnection(this.link.connection);
    this.consumers.cut();
  }
}

/** The wait of a branch that stops for its server. */
class Wait {
  readonly #branch: Branch;
  /** Since when nothing runs here. */
  #idleSince = performance.now();
  /** Since when there is no connection while ends of tasks are to be written. */
  #awaySince: number | undefined;

  constructor(branch: Branch) {
    this.#branch = branch;
  }

  /** Whether nothing is left that is worth it. */
  get isVain(): boolean {
    const { consumers, executor, link } = this.#branch;
    const now = performance.now();
    const isAway = link.connection.status !== 'ready';
    if (consumers.busy === 0) return isAway || now - this.#idleSince > patience.idle;
    this.#idleSince = now;
    if (!isAway || executor.current.size > 0) this.#awaySince = undefined;
    else this.#awaySince ??= now;
    return this.#awaySince !== undefined && now - this.#awaySince > patience.unwritten;
  }
}
