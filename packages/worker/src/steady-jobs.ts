/** The jobs of a worker, each with the time since which its lock holds, whatever is done to the machine's clock. */

/** What BullMQ keeps of a job whose lock it renews. */
interface Tracked {
  ts: number;
}

/**
 * Stands in for the map in which BullMQ's lock manager keeps when it has renewed each lock, by the machine's clock. Set
 * back by an hour, that would have it renew none for an hour, and the tasks would run once more elsewhere. Here
 * what is kept is a span, and what is read is that span before now. All that BullMQ sets is as of now.
 */
export class SteadyJobs<T extends Tracked> extends Map<string, T> {
  override set(id: string, tracked: T): this {
    tracked.ts = performance.now();
    return super.set(id, tracked);
  }

  override get(id: string): T | undefined {
    const tracked = super.get(id);
    return tracked && { ...tracked, ts: Date.now() - (performance.now() - tracked.ts) };
  }
}
