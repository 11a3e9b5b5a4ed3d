/** What a worker must offer to be controlled. */
import type {
  ActiveTask,
  ControlCommand,
  FoundTask,
  HeldTask,
  MemoryFacts,
  RevokedFacts,
  ScheduledTask,
  WorkerStats,
} from '@dtask/core';
import type { RevocationMark } from '@dtask/core/internal';

/**
 * What control commands ask of a worker. What throws is answered as `{ error }` with the error's
 * message; what gives a text is answered as `{ ok: text }`.
 */
export interface ControlTarget {
  readonly name: string;

  active(): readonly ActiveTask[];
  /** What was taken from a queue and has not started. */
  reserved(): readonly HeldTask[];
  scheduled(): Promise<readonly ScheduledTask[]>;
  revoked(): RevokedFacts;
  registered(): readonly string[];
  stats(): WorkerStats;
  activeQueues(): readonly string[];
  conf(): Readonly<Record<string, unknown>>;
  /** Those of some tasks that this worker has. */
  queryTask(ids: readonly string[]): Readonly<Record<string, FoundTask>>;
  report(): Readonly<Record<string, string>>;
  memory(): MemoryFacts;
  /** A command of the App's own. */
  custom(name: string): ControlCommand | undefined;
  /** The names of the App's own commands. */
  customNames(): readonly string[];

  /**
   * Ends tasks that run here. Each has the mark `rv` on its hash already, so that whoever runs it
   * again knows.
   *
   * @param ids tasks that may run here, or elsewhere
   * @param how `terminate`: kill the child; without it their `signal` fires
   * @returns those that run here and were told
   */
  revokeRunning(ids: readonly string[], how: RevocationMark): readonly string[];
  /**
   * Reads the rules of revocation anew.
   *
   * @param how `endsRunning`: also end what runs here and falls under them
   * @returns those that it ends
   */
  readRules(how: { readonly endsRunning: boolean }): Promise<readonly string[]>;
  /** Reads the limits anew that were changed at run time; a text for `{ ok }`. */
  rateLimitChanged(task: string): Promise<string>;
  timeLimitChanged(task: string): Promise<string>;

  addConsumer(queue: string): Promise<string>;
  cancelConsumer(queue: string): Promise<string>;
  poolGrow(count: number): Promise<string> | string;
  poolShrink(count: number): Promise<string> | string;
  poolRestart(): Promise<string> | string;
  autoscale(max: number, min: number): Promise<string> | string;

  enableEvents(): string;
  disableEvents(): string;
  heartbeat(): string;
  /** Begins to stop, as at a first SIGTERM. */
  shutdown(): string;
}

/** The answer of a worker whose pool cannot do what it was asked for. */
export class NotSupported extends Error {
  constructor(what: string, pool: string) {
    super(`${what} is not supported by the ${pool} pool`);
    this.name = 'NotSupported';
  }
}
