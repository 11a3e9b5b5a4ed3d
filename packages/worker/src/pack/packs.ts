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
    const { app, limits } = this.#place;
    const [first] = calls;
    const definition = first && findDefinition(app.tasks, first);
    const limited = (): boolean =>
      definition !== undefined && limits.limits(first?.name ?? '', definition);
    const run = new PackRun(this.#place, current, calls, limited);
    this.#runs.add(run);
    let pending: Promise<void> | undefined;
    try {
      // What gathers was packed by another version of the code.
      const apart = definition?.batch?.kind === 'gather' || limited();
      pending = this.#isRisky(current, calls) || apart ? run.scatter() : run.run();
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
   * Whether one of the calls may have killed the worker that had them last: its neighbours are not to
   * pay for that.
   */
  #isRisky({ job }: Current, calls: readonly Message[]): boolean {
    if (job.stalledCounter === 0) return false;
    for (const { name } of calls) this.#place.counts.redelivered(name);
    return true;
  }
}
