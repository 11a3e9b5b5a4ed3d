/** What workers answer. */

/** What a worker answers that could not do what it was asked for. */
export interface ControlError {
  readonly error: string;
}

/** What a worker answers that did what it was asked for: a sentence, mostly. */
export interface ControlOk<T = string> {
  readonly ok: T;
}

/** The answers of workers, by their names. It is empty where none lives. */
export type Answers<T> = Readonly<Record<string, T | ControlError>>;

/** A task that a worker has. */
export interface HeldTask {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** Its arguments as text, shortened. */
  readonly args: string;
  readonly retries: number;
}

/** A task that runs. */
export interface ActiveTask extends HeldTask {
  /** When this run began, as an ISO date. */
  readonly startedAt: string;
}

/** A task that waits for its time, in Redis. */
export interface ScheduledTask {
  /** When it is due, as an ISO date. */
  readonly eta: string;
  readonly priority: number;
  readonly request: HeldTask;
}

/** How a worker runs its tasks. */
export interface PoolFacts {
  readonly implementation: string;
  readonly maxConcurrency: number;
  /** Process ids of its children, where it has some. */
  readonly processes?: readonly number[];
  readonly [more: string]: unknown;
}

/** How many runs have ended in a worker, and how. */
export interface EndedCounts {
  readonly succeeded: number;
  /** Failed for good. */
  readonly failed: number;
  /** Failed, and run again. */
  readonly retried: number;
  /** Revoked or expired, also before they began. */
  readonly revoked: number;
  /** Messages that were none of dtask's. */
  readonly rejected: number;
  /** Sent back to their queue by the task. */
  readonly requeued: number;
}

/** What a worker counts and uses. */
export interface WorkerStats {
  readonly pid: number;
  readonly host: string;
  /** When it said so, in milliseconds since 1970: counts that are asked for twice give rates. */
  readonly at: number;
  /** Seconds since it started. */
  readonly uptime: number;
  /** How many tasks run. */
  readonly active: number;
  /** How many runs of each task it has begun. */
  readonly total: Readonly<Record<string, number>>;
  /** How many runs of each queue's tasks it has begun. */
  readonly queues: Readonly<Record<string, number>>;
  readonly ended: EndedCounts;
  readonly pool: PoolFacts;
  /** The broker's address, without its password. */
  readonly broker: string;
  /** Load of the machine over 1, 5 and 15 minutes. */
  readonly loadavg: readonly number[];
  /** Of the whole process, as `process.resourceUsage()` gives it. */
  readonly rusage: Readonly<Record<string, number>>;
}

/** What a worker knows of revoked tasks. */
export interface RevokedFacts {
  /** Tasks that it was told to end, or did not start, the latest last; at most 1,000. */
  readonly ids: readonly string[];
  /** The rules that hold now. */
  readonly rules: readonly string[];
}

/** Where a worker has a task, and what it knows of it. */
export type FoundTask = readonly ['active', ActiveTask] | readonly ['reserved', HeldTask];

/** What a process uses, in bytes. */
export type MemoryFacts = Readonly<Record<string, number>>;
