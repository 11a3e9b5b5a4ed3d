/** What happens, as `app.events()` tells it. */

/** What every event has. */
interface Happened {
  /** When it happened, by the clock of the machine where it did. */
  readonly at: Date;
}

/** What every event of a task has. */
interface OfTask extends Happened {
  /** The task's id. */
  readonly id: string;
  /** The task's name. */
  readonly name: string;
}

/** What every event of a task has that a worker tells. */
interface OnWorker extends OfTask {
  /** The worker's name. */
  readonly worker: string;
}

/** A caller, or a worker, has sent the message. It may be told behind what the worker tells. */
export interface TaskSentEvent extends OfTask {
  readonly type: 'task-sent';
  /** The name of the App that sent it. */
  readonly app: string;
  readonly queue: string;
  /** The arguments as text, shortened. */
  readonly args: string;
  readonly root?: string;
  readonly parent?: string;
  /** When it is due, and when it is no longer wanted, in milliseconds since 1970. */
  readonly eta?: number;
  readonly expires?: number;
}

/** A worker has taken the message; after a retry or a crash again. */
export interface TaskReceivedEvent extends OnWorker {
  readonly type: 'task-received';
  readonly queue: string;
  readonly args: string;
  readonly retries: number;
  readonly root?: string;
  readonly parent?: string;
  readonly eta?: number;
  readonly expires?: number;
}

/** A run has begun. */
export interface TaskStartedEvent extends OnWorker {
  readonly type: 'task-started';
  readonly retries: number;
}

/** The task has said how far it is: `progress()`, `updateState()`. */
export interface TaskProgressEvent extends OnWorker {
  readonly type: 'task-progress';
  /** `PROGRESS`, or a state of the task's own. */
  readonly state: string;
  /** The details as text, shortened. */
  readonly details: string;
}

/** The task has returned. */
export interface TaskSucceededEvent extends OnWorker {
  readonly type: 'task-succeeded';
  /** The value as text, shortened. */
  readonly result: string;
  /** How long it ran, in milliseconds. */
  readonly runtime: number;
}

/** The task has failed for good. */
export interface TaskFailedEvent extends OnWorker {
  readonly type: 'task-failed';
  /** Name and message of the error. */
  readonly error: string;
  /** Its stack, shortened. */
  readonly stack?: string;
}

/** The task has failed and runs again. */
export interface TaskRetriedEvent extends OnWorker {
  readonly type: 'task-retried';
  readonly error: string;
  readonly stack?: string;
  readonly retries: number;
  /** How long until it runs again, in milliseconds. */
  readonly wait: number;
}

/** The message was not run: it is none of dtask's, or went back to its queue. */
export interface TaskRejectedEvent extends OnWorker {
  readonly type: 'task-rejected';
  readonly error: string;
  /** Whether it went back to its queue. */
  readonly requeue: boolean;
}

/** The task has ended because it was revoked, or has expired: at a worker, or while it waited. */
export interface TaskRevokedEvent extends OfTask {
  readonly type: 'task-revoked';
  /** The worker's name; absent where it was taken out of its queue. */
  readonly worker?: string;
  /** The name of the App that took it out of its queue; absent at a worker. */
  readonly app?: string;
  readonly reason: string;
  readonly expired: boolean;
  /** Whether it was killed. */
  readonly terminated: boolean;
}

/** The task has ended by `Ignore`. */
export interface TaskIgnoredEvent extends OnWorker {
  readonly type: 'task-ignored';
}

/** A canvas has taken the task's place. */
export interface TaskReplacedEvent extends OnWorker {
  readonly type: 'task-replaced';
}

/** A task tells something of its own. */
export interface TaskCustomEvent extends OnWorker {
  readonly type: 'task-custom';
  /** The task's own name for it. */
  readonly event: string;
  /** What it tells. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What every event of a worker has. */
interface OfWorker extends Happened {
  readonly worker: string;
  readonly pid: number;
  readonly host: string;
}

/** A worker has started to take tasks, or was told to tell. */
export interface WorkerOnlineEvent extends OfWorker {
  readonly type: 'worker-online';
  readonly queues: readonly string[];
  readonly concurrency: number;
}

/** A worker lives; told every two seconds. */
export interface WorkerHeartbeatEvent extends OfWorker {
  readonly type: 'worker-heartbeat';
  /** The time between two of them, in milliseconds. */
  readonly every: number;
  /** How many tasks run. */
  readonly active: number;
  /** How many runs it has begun since it started. */
  readonly processed: number;
  /** Of the machine, over 1, 5 and 15 minutes. */
  readonly loadavg: readonly number[];
}

/** A worker stops in order. One that is killed only falls silent. */
export interface WorkerOfflineEvent extends OfWorker {
  readonly type: 'worker-offline';
}

export type WorkerEvent = WorkerOnlineEvent | WorkerHeartbeatEvent | WorkerOfflineEvent;

export type TaskEvent =
  | TaskSentEvent
  | TaskReceivedEvent
  | TaskStartedEvent
  | TaskProgressEvent
  | TaskSucceededEvent
  | TaskFailedEvent
  | TaskRetriedEvent
  | TaskRejectedEvent
  | TaskRevokedEvent
  | TaskIgnoredEvent
  | TaskReplacedEvent
  | TaskCustomEvent;

/** Anything that happens. `type` tells which it is. */
export type DtaskEvent = TaskEvent | WorkerEvent;

/** The types of events. */
export type EventType = DtaskEvent['type'];

/** The event of a type. */
export type EventOf<T extends EventType> = Extract<DtaskEvent, { type: T }>;

/** What is told of an event of a type; when, and by whom, is added. */
export type EventFields<T extends EventType> = Omit<EventOf<T>, 'type' | 'at' | 'worker'>;

/** The types of dtask's own, each with what it says. */
export const eventTypes = {
  'task-sent': 'a message was sent',
  'task-received': 'a worker has taken it',
  'task-started': 'a run has begun',
  'task-progress': 'the task says how far it is',
  'task-succeeded': 'the task has returned',
  'task-failed': 'the task has failed for good',
  'task-retried': 'the task has failed and runs again',
  'task-rejected': 'the message was not run',
  'task-revoked': 'the task was revoked, or has expired',
  'task-ignored': 'the task has ended by Ignore',
  'task-replaced': 'a canvas has taken its place',
  'task-custom': 'the task tells something of its own',
  'worker-online': 'a worker has started',
  'worker-heartbeat': 'a worker lives',
  'worker-offline': 'a worker stops',
} as const satisfies Record<EventType, string>;
