/** What a worker counts of its tasks: plain numbers, of which metrics are made when somebody asks. */
import type { EndedCounts, Registry } from '@dtask/core';
import { mapTask, starmapTask } from '@dtask/core/internal';
import { Histogram } from './histogram.js';

/** What happens to tasks, in Celery's words as far as Celery has them. */
export const taskEvents = [
  'received',
  'started',
  'succeeded',
  'failed',
  'retried',
  'revoked',
  'rejected',
  'ignored',
  'replaced',
] as const;

export type TaskEvent = (typeof taskEvents)[number];

/** What a state that is stored counts as. */
const eventOf: Readonly<Record<string, TaskEvent | undefined>> = {
  SUCCESS: 'succeeded',
  FAILURE: 'failed',
  REVOKED: 'revoked',
  IGNORED: 'ignored',
  REPLACED: 'replaced',
};

/** How children end that the pools did not mean to end, or have used up. */
export const childEnds = ['crashed', 'killed', 'recycled'] as const;

export type ChildEnd = (typeof childEnds)[number];

/** What is counted of one task. */
export class TaskCount {
  readonly events = Object.fromEntries(taskEvents.map((event) => [event, 0])) as Record<
    TaskEvent,
    number
  >;
  /** How often it came again because the process that had it died. */
  redelivered = 0;
  /** How many of its runs here were dropped, as another worker had the task by their end. */
  lost = 0;
  /** How long its runs took. */
  readonly runtime = new Histogram();
  /** How long it waited from when it was due to its first run. */
  readonly wait = new Histogram();
}

/** Most tasks that are counted each by itself. */
const mostNames = 1_000;
/** What tasks are counted under that the app does not have: their names are anybody's. */
export const unknownTask = '(unknown)';
/** What the app's tasks are counted under that are too many. */
export const otherTask = '(other)';

/** The counts of a worker since it was made. */
export class TaskCounts {
  /** By pool and how, such as `processes crashed`. */
  readonly children = new Map<string, number>();
  /** How many runs of each queue's tasks have begun. */
  readonly queues = new Map<string, number>();
  /** How many messages were none of dtask's; each has failed as well. */
  refused = 0;
  /** How many commands Redis has refused by which tasks were to end, or to go on. */
  refusals = 0;
  readonly #tasks: Pick<Registry, 'find'>;
  readonly #counts = new Map<string, TaskCount>();

  /** @param tasks those that the app has */
  constructor(tasks: Pick<Registry, 'find'>) {
    this.#tasks = tasks;
  }

  /** Counts a message that came. */
  received(task: string): void {
    this.#of(task).events.received += 1;
  }

  /**
   * Counts a start.
   *
   * @param queue that it came from
   * @param wait since it was due, in milliseconds; nothing where that says nothing, as of a retry
   */
  started(task: string, queue: string, wait: number | undefined): void {
    this.queues.set(queue, (this.queues.get(queue) ?? 0) + 1);
    const count = this.#of(task);
    count.events.started += 1;
    // The clocks of two machines may differ.
    if (wait !== undefined) count.wait.add(Math.max(0, wait));
  }

  /**
   * Counts a run that has ended, however it did.
   *
   * @param took its time, in milliseconds
   * @param kind of its report, where that decides what becomes of the task
   */
  ran(task: string, took: number, kind: string | false): void {
    const { runtime, events } = this.#of(task);
    runtime.add(took);
    if (kind === 'retry') events.retried += 1;
    else if (kind === 'requeue') events.rejected += 1;
  }

  /** Counts the end of a task; states that are not the last count nothing. */
  settled(task: string, state: string): void {
    const event = eventOf[state];
    if (event) this.#of(task).events[event] += 1;
  }

  /** Counts a task that came again because the process that had it died. */
  redelivered(task: string): void {
    this.#of(task).redelivered += 1;
  }

  /** Counts a run that is dropped, as another worker has the task. */
  lost(task: string): void {
    this.#of(task).lost += 1;
  }

  /** Counts a command that Redis has refused. */
  refusedByRedis(): void {
    this.refusals += 1;
  }

  /** Counts the end of a child. */
  childEnded(pool: string, how: ChildEnd): void {
    const key = `${pool} ${how}`;
    this.children.set(key, (this.children.get(key) ?? 0) + 1);
  }

  /** What was counted, by the task's name. */
  tasks(): ReadonlyMap<string, TaskCount> {
    return this.#counts;
  }

  /** How many runs of each task have begun. */
  totals(): Record<string, number> {
    return Object.fromEntries(
      [...this.#counts].map(([task, { events }]) => [task, events.started]),
    );
  }

  /** How many runs have begun. */
  get processed(): number {
    return this.#sum('started');
  }

  /** How many runs have ended, and how. */
  ended(): EndedCounts {
    return {
      succeeded: this.#sum('succeeded'),
      failed: this.#sum('failed') - this.refused,
      retried: this.#sum('retried'),
      revoked: this.#sum('revoked'),
      rejected: this.refused,
      requeued: this.#sum('rejected'),
    };
  }

  #sum(event: TaskEvent): number {
    let sum = 0;
    for (const { events } of this.#counts.values()) sum += events[event];
    return sum;
  }

  #of(task: string): TaskCount {
    return this.#counts.get(task) ?? this.#first(task);
  }

  #first(task: string): TaskCount {
    let name = task;
    const own = task === starmapTask || task === mapTask;
    if (!own && !this.#tasks.find(task)) name = unknownTask;
    else if (this.#counts.size >= mostNames) name = otherTask;
    let count = this.#counts.get(name);
    if (!count) this.#counts.set(name, (count = new TaskCount()));
    return count;
  }
}
