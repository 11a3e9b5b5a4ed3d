/** The packs that a worker has: messages with several calls each. */
import type { App } from '@dtask/core';
import { callsOf, findDefinition, type Message } from '@dtask/core/internal';
import type { Current } from '../current.js';
import type { Limits } from '../limits/limits.js';
import type { TaskCounts } from '../monitor/task-counts.js';
import type { Revoked } from '../revoked.js';
import { type PackPlace, PackRun } from './pack-run.js';

/** What packs need of their worker. */
export interface PacksPlace extends PackPlace {
  readonly app: App;
  readonly limits: Limits;
  readonly counts: TaskCounts;
}

/** Runs packs. */
export class Packs {
  readonly #place: PacksPlace;
  readonly #runs = new Set<PackRun>();

  constructor(place: PacksPlace) {
    this.#place = place;
  }

  /**
   * Runs the calls of a pack. Gives a promise only where there is something to wait for.
   *
   * @throws MessageRejectedError when it is damaged
   */
  begin(current: Current, message: Message): Promise<void> | undefined {
    const calls = callsOf(message);
    const run = new PackRun(this.#place, current, calls);
    this.#runs.add(run);
    let pending: Promise<void> | undefined;
    try {
      pending = this.#goesAlone(current, calls) ? run.scatter() : run.run();
    } finally {
      if (!pending) this.#runs.delete(run);
    }
    return pending?.finally(() => this.#runs.delete(run));
  }

  /** Revokes a call that waits in a pack which runs; gives whether there is one. */
  revoke(id: string, by: Revoked): boolean {
    for (const run of this.#runs) if (run.revoke(id, by)) return true;
    return false;
  }

  /**
   * Whether each call is to go by itself. After the death of a worker, that is: one of them may have
   * killed it, and its neighbours are not to pay for it. And where each of them has limits to wait for.
   */
  #goesAlone({ job }: Current, calls: readonly Message[]): boolean {
    const { app, limits, counts } = this.#place;
    const [first] = calls;
    if (!first) return false;
    if (job.stalledCounter > 0) {
      for (const { name } of calls) counts.redelivered(name);
      return true;
    }
    const definition = findDefinition(app.tasks, first);
    if (!definition) return false;
    // Another version of the code packed them.
    return definition.batch?.kind === 'gather' || limits.limits(first.name, definition);
  }
}
