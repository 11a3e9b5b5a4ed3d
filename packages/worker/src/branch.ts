/** A worker's branch on one server: takes the tasks there, runs them, and ends them there. */
import type { WorkerConfig } from '@dtask/core/internal';
import type { Broadcasts } from './broadcasts.js';
import { connected } from './connected.js';
import { Consumers } from './consumers.js';
import { Executor } from './executor.js';
import type { ExecutorPlace } from './executor-place.js';
import { type Link, nameOf } from './links.js';
import type { LockKeeper } from './lock-keeper.js';
import { Outcomes } from './outcomes.js';
import { within } from './within.js';

/** How often it is looked whether the server of a branch that stops is there, in milliseconds. */
const absence = 500;

/** What the branches of a worker share. */
export interface BranchPlace extends Omit<ExecutorPlace, 'connection' | 'prefix'> {
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
  readonly #place: BranchPlace;
  #stopping = false;

  constructor(place: BranchPlace, link: Link) {
    const { connection, prefix } = link;
    const { slots, config, broadcasts, log } = place;
    this.#place = place;
    this.link = link;
    this.outcomes = new Outcomes({ ...place, connection, prefix });
    this.executor = new Executor({ ...place, connection, prefix }, this.outcomes);
    const keeper = place.keeper?.of(link.shard);
    const { executor } = this;
    const shared = { slots, config, broadcasts, log };
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
    if (this.#stopping) return;
    await this.consumers.start();
  }

  /**
   * Takes no more tasks; resolves when those that run have ended.
   *
   * @param alone whether there are no other branches: else none waits for a server that is away, where
   * nothing runs that it has to hear of
   */
  async stop(force: boolean, alone: boolean): Promise<void> {
    this.#stopping = true;
    const { connection } = this.link;
    const stopped = this.consumers.stop(force);
    if (alone) return stopped;
    while (connection.status === 'ready' || this.executor.current.size > 0)
      if (await within(absence, stopped)) return undefined;
    connection.disconnect();
    return stopped;
  }
}
