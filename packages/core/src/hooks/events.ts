/** What an App's hooks hear of, and what they get. */
import type { Duration } from '../duration.js';
import type { TaskContext } from '../task/context.js';

/** A call on its way to Redis. Middleware may change what is not `readonly`. */
export interface Publication {
  /** The task's id. */
  readonly id: string;
  /** The task's name. */
  readonly name: string;
  /** The first task of the tree that the call belongs to; absent means itself. */
  readonly rootId: string | undefined;
  /** The task that makes the call. */
  readonly parentId: string | undefined;
  /** Of a step behind a group: without the group's values, which the worker puts in front. */
  args: readonly unknown[];
  headers: Record<string, unknown>;
  queue: string;
  /** From 0 (first) to 9 (last). */
  priority: number;
  /** Wait before it may start; a number is milliseconds. */
  countdown: Duration;
  /** When the call is no longer wanted. */
  expires: Date | undefined;
}

/** A message that a worker has, or had. */
export interface TaskMessage {
  readonly id: string;
  readonly name: string;
  /** Empty where the message cannot be read. */
  readonly args: readonly unknown[];
  readonly headers: Readonly<Record<string, unknown>>;
  readonly queue: string;
  /** The worker's name; empty where no worker has it. */
  readonly worker: string;
  /** How many times it has been retried. */
  readonly retries: number;
}

/** A task that ended as `REVOKED`. */
export interface RevokedTask extends TaskMessage {
  readonly reason: 'revoked' | 'expired' | 'terminated';
}

/** A message that was refused. */
export interface RejectedTask extends TaskMessage {
  /** Why: it could not be read, or the task threw `Reject`. */
  readonly error: unknown;
  /** Whether it went back to its queue. */
  readonly requeue: boolean;
}

/** How a run has ended. */
export interface TaskEnding {
  /** `SUCCESS`, `FAILURE`, `RETRY`, `IGNORED`, `REJECTED` (back to its queue), `REPLACED`. */
  readonly state: 'SUCCESS' | 'FAILURE' | 'RETRY' | 'IGNORED' | 'REJECTED' | 'REPLACED';
  /** What the task returned. */
  readonly value?: unknown;
  /** What it threw; of a retry, what led to it. */
  readonly error?: unknown;
  /** Until the next attempt, in milliseconds. */
  readonly wait?: number;
}

/** A worker, as its hooks see it. */
export interface WorkerSummary {
  /** The worker's name. */
  readonly name: string;
  /** The App's name. */
  readonly app: string;
  readonly queues: readonly string[];
  readonly concurrency: number;
  readonly pid: number;
}

/** A process or thread that runs tasks. */
export interface WorkerProcess {
  /** The name of its worker. */
  readonly worker: string;
  /** What it is: `inline` is the worker's own process. */
  readonly pool: 'inline' | 'threads' | 'processes';
  readonly pid: number;
}

/** A beat, as its hook sees it. */
export interface BeatSummary {
  /** What it is known by among the beats. */
  readonly id: string;
  /** The App's name. */
  readonly app: string;
  readonly pid: number;
}

/** The payload of each hook. */
export interface HookEvents {
  /** In the calling process, before a message is sent, behind all middleware. Awaited. */
  beforePublish: Readonly<Publication>;
  /** In the calling process, when Redis has the message. Not awaited. */
  afterPublish: Readonly<Publication>;
  /** In the worker, when it has taken a message from its queue. Not awaited. */
  taskReceived: TaskMessage;
  /** Where the task runs, before each attempt. Awaited: the task starts behind it. */
  taskPrerun: { readonly context: TaskContext };
  /** Where the task ran, when its value is stored. Awaited. */
  taskSuccess: { readonly context: TaskContext; readonly value: unknown };
  /** Where the task ran, when its failure is stored. Awaited. */
  taskFailure: { readonly context: TaskContext; readonly error: unknown };
  /** Where the task ran, when it is to run again in `wait` milliseconds. Awaited. */
  taskRetry: { readonly context: TaskContext; readonly error: unknown; readonly wait: number };
  /** Where the task ran, at the end of each attempt, however it ended, behind the others. Awaited. */
  taskPostrun: { readonly context: TaskContext } & TaskEnding;
  /**
   * A task has ended as `REVOKED`: in the worker that found it expired or revoked, or in the process
   * whose `revoke()` took it out of its queue. Not awaited.
   */
  taskRevoked: RevokedTask;
  /** In the worker: a message cannot be read, or the task threw `Reject`. Not awaited. */
  taskRejected: RejectedTask;
  /** In the worker: it has no task of the message's name. Not awaited. */
  taskUnknown: TaskMessage & { readonly error: Error };
  /** Before a worker connects. Awaited: it starts behind it. */
  workerInit: WorkerSummary;
  /** When a worker takes tasks. Not awaited. */
  workerReady: WorkerSummary;
  /** When a worker is told to stop, before running tasks have ended. Not awaited. */
  workerShuttingDown: WorkerSummary & { readonly force: boolean };
  /** When a worker has stopped. Awaited: the process ends behind it. */
  workerShutdown: WorkerSummary;
  /** In each process or thread that runs tasks, before its first one. Awaited. */
  workerProcessInit: WorkerProcess;
  /** In each process or thread that runs tasks, behind its last one; not where it is killed. Awaited. */
  workerProcessShutdown: WorkerProcess;
  /** When a beat is ready, also one in a worker's process. Not awaited. */
  beatInit: BeatSummary;
}

/** The name of a hook. */
export type HookName = keyof HookEvents;

/** Handles a hook. What it throws is logged, and changes nothing. */
export type HookHandler<E extends HookName> = (payload: HookEvents[E]) => unknown;

/** The names of all hooks. */
export const hookNames: readonly HookName[] = Object.keys({
  beforePublish: 0,
  afterPublish: 0,
  taskReceived: 0,
  taskPrerun: 0,
  taskSuccess: 0,
  taskFailure: 0,
  taskRetry: 0,
  taskPostrun: 0,
  taskRevoked: 0,
  taskRejected: 0,
  taskUnknown: 0,
  workerInit: 0,
  workerReady: 0,
  workerShuttingDown: 0,
  workerShutdown: 0,
  workerProcessInit: 0,
  workerProcessShutdown: 0,
  beatInit: 0,
} satisfies Record<HookName, 0>) as HookName[];
