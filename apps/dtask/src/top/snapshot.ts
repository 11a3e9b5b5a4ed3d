/** What `dtask top` shows: workers, queues, rates, running tasks, failures. Made of two looks. */
import type { ActiveTask, Answers, QueueCounts, WorkerStats } from '@dtask/core';
import type { FailureRow } from './latest-failures.js';
import type { Sample } from './sample.js';

/** A worker. */
export interface WorkerRow {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly pool: string;
  readonly running: number;
  /** How many tasks may run at a time. */
  readonly size: number;
  /** Runs begun since it started. */
  readonly processed: number;
  /** Runs begun a second. */
  readonly rate?: number;
  /** Of its machine, over a minute. */
  readonly load: number;
  /** In seconds. */
  readonly uptime: number;
  /** For how many seconds it has not answered, where it does not. */
  readonly silent?: number;
}

/** A queue. */
export interface QueueRow extends QueueCounts {
  readonly name: string;
  /** Tasks that came, a second: sent, retried, or put back. */
  readonly in?: number;
  /** Runs begun a second. */
  readonly out?: number;
}

/** A task that runs. */
export interface RunningRow {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly worker: string;
  /** For how long. */
  readonly seconds: number;
  readonly retries: number;
  readonly args: string;
}

/** Ends a second, over all workers. */
export interface Rates {
  readonly succeeded: number;
  readonly failed: number;
  readonly retried: number;
}

/** What is known at a point in time. */
export interface Snapshot {
  readonly at: Date;
  /** The broker's address, without its password. */
  readonly broker: string;
  /** Absent where there was one look only, as those of rows. */
  readonly rates?: Rates;
  readonly workers: readonly WorkerRow[];
  readonly queues: readonly QueueRow[];
  /** The longest first. */
  readonly running: readonly RunningRow[];
  /** The latest first. */
  readonly failures: readonly FailureRow[];
}

/** What is known of a worker that has never answered. */
const unknown = {
  host: '',
  pid: 0,
  pool: '',
  running: 0,
  size: 0,
  processed: 0,
  load: 0,
  uptime: 0,
};

/** Makes what is shown of a look, and of the one before it, which rates need. */
export function snapshotOf(now: Sample, before?: Sample): Snapshot {
  const change = before && new Change(now, before);
  const workers = Object.entries(answered(now.stats)).map(([name, facts]) => {
    const rate = change?.of(name, ({ total }) => sum(total));
    return { ...workerRow(name, facts), ...(rate !== undefined && { rate }) };
  });
  return {
    at: new Date(now.date),
    broker: now.broker,
    ...(change && { rates: change.rates() }),
    workers: [...workers, ...silentRows(now)].sort((one, other) =>
      one.name < other.name ? -1 : 1,
    ),
    queues: [...now.counts].map(([name, counts]) => ({
      name,
      ...counts,
      ...change?.flow(name, counts),
    })),
    running: runningRows(now),
    failures: now.failures,
  };
}

/** What is different from one look to the next. */
class Change {
  readonly #now: Readonly<Record<string, WorkerStats>>;
  readonly #old: Readonly<Record<string, WorkerStats>>;
  readonly #counts: Sample['counts'];
  /** Between the looks. */
  readonly #seconds: number;

  constructor(now: Sample, before: Sample) {
    this.#now = answered(now.stats);
    this.#old = answered(before.stats);
    this.#counts = before.counts;
    this.#seconds = Math.max(0.001, (now.at - before.at) / 1_000);
  }

  /** How fast a count of a worker grows, a second; nothing where it was not there before. */
  of(worker: string, count: (facts: WorkerStats) => number): number | undefined {
    const [facts, old] = [this.#now[worker], this.#old[worker]];
    // A process that was started anew counts from nothing.
    if (!facts || !old || old.pid !== facts.pid || old.host !== facts.host) return undefined;
    // By its own clock: it may have answered long before the slowest of them.
    const seconds = (facts.at - old.at) / 1_000;
    return seconds > 0 ? tenths((count(facts) - count(old)) / seconds) : undefined;
  }

  /** The same, over all workers. */
  #ofAll(count: (facts: WorkerStats) => number): number {
    return Object.keys(this.#now).reduce((all, worker) => all + (this.of(worker, count) ?? 0), 0);
  }

  rates(): Rates {
    return {
      succeeded: tenths(this.#ofAll(({ ended }) => ended.succeeded)),
      failed: tenths(this.#ofAll(({ ended }) => ended.failed + ended.rejected)),
      retried: tenths(this.#ofAll(({ ended }) => ended.retried)),
    };
  }

  /** What came into a queue is what workers began, and what it has more than before. */
  flow(queue: string, { waiting, delayed }: QueueCounts): { in: number; out: number } {
    const out = this.#ofAll(({ queues }) => queues[queue] ?? 0);
    const before = this.#counts.get(queue);
    const more = waiting + delayed - (before ? before.waiting + before.delayed : 0);
    return { in: tenths(out + more / this.#seconds), out: tenths(out) };
  }
}

/** The rest is noise: of when each was asked. */
const tenths = (value: number): number => Math.max(0, Math.round(value * 10) / 10);

/** Those that have answered, and not with an error. */
function answered(answers: Answers<WorkerStats>): Record<string, WorkerStats> {
  return Object.fromEntries(
    Object.entries(answers).filter((entry): entry is [string, WorkerStats] => 'pid' in entry[1]),
  );
}

function workerRow(name: string, { host, pid, pool, active, ...facts }: WorkerStats): WorkerRow {
  return {
    name,
    host,
    pid,
    pool: pool.implementation,
    running: active,
    size: pool.maxConcurrency,
    processed: sum(facts.total),
    load: facts.loadavg[0] ?? 0,
    uptime: facts.uptime,
  };
}

function silentRows({ at, silent }: Sample): WorkerRow[] {
  return [...silent].map(([name, { facts, since }]) => {
    const seconds = (at - since) / 1_000;
    return { ...(facts ? workerRow(name, facts) : { ...unknown, name }), silent: seconds };
  });
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

function runningRows({ active, date }: Sample): RunningRow[] {
  return Object.entries(active)
    .flatMap(([worker, tasks]) =>
      Array.isArray(tasks)
        ? (tasks as readonly ActiveTask[]).map(({ id, name, startedAt, queue, retries, args }) => ({
            id,
            task: name,
            queue,
            worker,
            seconds: Math.max(0, (date - new Date(startedAt).getTime()) / 1_000),
            retries,
            args,
          }))
        : [],
    )
    .sort((one, other) => other.seconds - one.seconds);
}
