/** Every Redis key and channel of dtask, each made in one function. */

/** BullMQ's name of a queue: in braces, so that all keys of a queue share one cluster slot. */
export const bullQueueName = (queue: string): string => `{${queue}}`;

/** Ids that would make a task's key one of BullMQ's own. */
export const reservedIds: ReadonlySet<string> = new Set([
  'active',
  'completed',
  'de',
  'delayed',
  'events',
  'failed',
  'id',
  'limiter',
  'marker',
  'meta',
  'paused',
  'pc',
  'prioritized',
  'repeat',
  'stalled',
  'stalled-check',
  'wait',
  'waiting-children',
]);

/** The hash that BullMQ keeps for a task while it waits, runs or has failed. */
export const jobKey = (prefix: string, queue: string, id: string): string =>
  `${prefix}:${bullQueueName(queue)}:${id}`;

/** The lock of a task that runs. */
export const lockKey = (prefix: string, queue: string, id: string): string =>
  `${jobKey(prefix, queue, id)}:lock`;

/** The failed tasks of a queue, by the time when they failed. */
export const failedKey = (prefix: string, queue: string): string => jobKey(prefix, queue, 'failed');

/** BullMQ's settings of a queue. */
export const queueMetaKey = (prefix: string, queue: string): string =>
  jobKey(prefix, queue, 'meta');

/** The record of a task's state and result. */
export const resultKey = (prefix: string, id: string): string => `${prefix}:r:${id}`;

/** The hash in which the results of a group meet. */
export const joinKey = (prefix: string, id: string): string => `${prefix}:j:${id}`;

/** The places that were added to a group, by the names of its tasks. */
export const addedKey = (prefix: string, id: string): string => `${joinKey(prefix, id)}:added`;

/** The positions of those of them that are failures. */
export const failuresKey = (prefix: string, id: string): string => `${joinKey(prefix, id)}:failed`;

/** The steps of a long chain. */
export const listKey = (prefix: string, id: string): string => `${prefix}:f:${id}`;

/** The ids of a group that was saved. */
export const groupKey = (prefix: string, id: string): string => `${prefix}:g:${id}`;

/** How far a streamed map with an id has come, and how its items are parted. */
export const mapKey = (prefix: string, id: string): string => `${prefix}:m:${id}`;

/** Is there while some process waits for a task that another one sent. */
export const followedKey = (prefix: string): string => `${prefix}:followed`;

/** What shows that the last outcomes were stored that a worker has sent on one of its connections. */
export const proofKey = (prefix: string, writer: string): string => `${prefix}:stored:${writer}`;

/** The channel on which one caller process hears of its results. */
export const replyChannel = (prefix: string, caller: string): string => `${prefix}:c:${caller}`;

/** The workers that take what is broadcast on a queue: when the claim of each lapses. */
export const listenersKey = (prefix: string, queue: string): string => `${prefix}:b:${queue}`;

/**
 * The queue in which one worker gets what is broadcast on another. No queue that anybody names has
 * an equals sign in it; BullMQ takes no colon, which a worker's name may have.
 */
export const ownQueue = (queue: string, worker: string): string =>
  `${queue}=${worker.replaceAll(':', '=')}`;

/** Whether a queue is one worker's own. */
export const isOwnQueue = (queue: string): boolean => queue.includes('=');

/** The queue that callers know: of a worker's own, that on which was broadcast. */
export const shownQueue = (queue: string): string => queue.replace(/=.*/, '');

/** The set of the queues that were ever sent to or consumed. */
export const queuesKey = (prefix: string): string => `${prefix}:queues`;

/** The lease that a live worker holds on its name. */
export const workerKey = (prefix: string, name: string): string => `${prefix}:w:${name}`;

/** When the next call of a task may start that has a rate. */
export const turnKey = (prefix: string, task: string, key?: string): string =>
  limitKey(prefix, 'rate', task, key);

/** The calls of a task that run, where only so many may. */
export const placesKey = (prefix: string, task: string, key?: string): string =>
  limitKey(prefix, 'run', task, key);

/** The set of the limits for whose places somebody waits. */
export const limitedKey = (prefix: string): string => `${prefix}:limited`;

/** No task's name has a space in it: of that a key begins. */
function limitKey(prefix: string, kind: string, task: string, key: string | undefined): string {
  return `${prefix}:l:${kind}:${task}${key === undefined ? '' : ` ${key}`}`;
}

/** The set of the live workers' names, each with the time when its claim lapses. */
export const workersKey = (prefix: string): string => `${prefix}:workers`;

/** How many shards the live workers have, where they have any. */
export const shardsKey = (prefix: string): string => `${prefix}:shards`;

/**
 * The channel on which workers hear of control requests. Channels are the whole server's, so its
 * database is part of the name; those that are named by random ids cannot meet.
 */
export const controlChannel = (prefix: string, database = 0): string =>
  database === 0 ? `${prefix}:ctl` : `${prefix}:ctl:${database}`;

/** The channel that a worker hears as long as it has a connection: nothing comes on it. */
export const lifeChannel = (prefix: string, holder: string): string => `${prefix}:life:${holder}`;

/** The channel on which one caller process hears answers to them. */
export const answerChannel = (prefix: string, caller: string): string => `${prefix}:a:${caller}`;

/** The rules by which tasks are revoked that were not sent yet. */
export const rulesKey = (prefix: string): string => `${prefix}:revoked`;

/** When each of them ends. */
export const ruleEndsKey = (prefix: string): string => `${rulesKey(prefix)}:ends`;

/** How often the turns of all keys of a task were taken back, by the task's name. */
export const turnsKey = (prefix: string): string => `${prefix}:turns`;

/** The limits of tasks that were changed at run time. */
export const limitsKey = (prefix: string): string => `${prefix}:limits`;

/** The stream of events. */
export const eventsKey = (prefix: string): string => `${prefix}:events`;

/** The keys of an App's periodic tasks, which share one cluster slot. */
export interface BeatKeys {
  /** The entries, as JSON. */
  readonly entries: string;
  /** Where each of them stands. */
  readonly states: string;
  /** When each of them is due. */
  readonly due: string;
  /** The live beats: when the claim of each lapses. */
  readonly beats: string;
  /** Which code each of them has. */
  readonly codes: string;
  /** In which order the codes came. */
  readonly decks: string;
  /** The beat that sends. */
  readonly lease: string;
  /** The code whose entries are there. */
  readonly applied: string;
  /** Since when there are beats; it goes when there are none. */
  readonly since: string;
}

export function beatKeys(prefix: string, app: string): BeatKeys {
  const key = (part: string): string => `${prefix}:beat:{${app}}:${part}`;
  return {
    entries: key('entries'),
    states: key('states'),
    due: key('due'),
    beats: key('beats'),
    codes: key('codes'),
    decks: key('decks'),
    lease: key('lease'),
    applied: key('applied'),
    since: key('since'),
  };
}
