/** The metrics of a worker, as data: Flower's names where Flower has the same one. */
import type { QueueCounts } from '@dtask/core';
import type { Depth } from './depths.js';
import { bounds, type Histogram } from './histogram.js';
import { childEnds, type TaskCounts, taskEvents } from './task-counts.js';

/** One line. */
export interface Sample {
  /** @default the family's name */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** One metric: what it is, and its lines. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly values: readonly Sample[];
}

/** What the metrics are made of. */
export interface Reading {
  readonly worker: string;
  readonly counts: TaskCounts;
  readonly depth: Depth;
  readonly online: boolean;
  readonly running: number;
  /** How many tasks wait for what Redis refuses. */
  readonly refused: number;
  readonly size: number;
  /** Children that have loaded the app, by pool. */
  readonly children: Readonly<Record<string, number>>;
}

/** Makes the metrics of a worker. */
export function familiesOf(reading: Reading): Family[] {
  return [...ofTasks(reading), ...ofWorker(reading), ...ofChildren(reading), ofQueues(reading)];
}

function ofTasks({ worker, counts }: Reading): Family[] {
  const tasks = [...counts.tasks()];
  const histogram = (name: string, help: string, of: 'runtime' | 'wait'): Family => ({
    name,
    help,
    type: 'histogram',
    values: tasks.flatMap(([task, count]) => samplesOf(name, { worker, task }, count[of])),
  });
  return [
    {
      name: 'dtask_events_total',
      help: 'What happened to tasks, by task and type',
      type: 'counter',
      values: tasks.flatMap(([task, { events }]) =>
        taskEvents.map((event) => ({
          labels: { worker, type: `task-${event}`, task },
          value: events[event],
        })),
      ),
    },
    {
      name: 'dtask_task_redeliveries_total',
      help: 'Tasks that came again because the process that had them died',
      type: 'counter',
      values: tasks.map(([task, { redelivered: value }]) => ({ labels: { worker, task }, value })),
    },
    {
      name: 'dtask_task_lost_runs_total',
      help: 'Runs that were dropped because another worker had the task when they ended',
      type: 'counter',
      values: tasks.map(([task, { lost: value }]) => ({ labels: { worker, task }, value })),
    },
    histogram('dtask_task_runtime_seconds', 'How long runs of tasks took', 'runtime'),
    histogram(
      'dtask_task_queue_wait_seconds',
      'How long tasks waited from when they were due to their first run',
      'wait',
    ),
  ];
}

function samplesOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  histogram: Histogram,
): Sample[] {
  const cumulated = histogram.cumulated();
  const count = cumulated.at(-1) ?? 0;
  const buckets = cumulated.map((value, at) => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le: bounds[at] ?? '+Inf' },
    value,
  }));
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

function ofWorker({ worker, counts, online, running, refused, size }: Reading): Family[] {
  const gauge = (name: string, help: string, value: number): Family => ({
    name,
    help,
    type: 'gauge',
    values: [{ labels: { worker }, value }],
  });
  return [
    gauge('dtask_worker_online', 'Whether the worker takes tasks', online ? 1 : 0),
    gauge(
      'dtask_worker_number_of_currently_executing_tasks',
      'How many tasks the worker has in hand',
      running,
    ),
    gauge('dtask_worker_slots', 'How many tasks the worker runs at a time', size),
    gauge(
      'dtask_worker_refused_tasks',
      'How many tasks cannot end or go on at the moment, as Redis refuses that',
      refused,
    ),
    {
      name: 'dtask_worker_refusals_total',
      help: 'Commands that Redis refused by which tasks were to end or to go on; they are tried again',
      type: 'counter',
      values: [{ labels: { worker }, value: counts.refusals }],
    },
  ];
}

function ofChildren({ worker, counts, children }: Reading): Family[] {
  const pools = Object.entries(children);
  return [
    {
      name: 'dtask_worker_children',
      help: 'Children that have loaded the app',
      type: 'gauge',
      values: pools.map(([pool, value]) => ({ labels: { worker, pool }, value })),
    },
    {
      name: 'dtask_worker_children_ended_total',
      help: 'Children that crashed, were killed, or were recycled because they were used up',
      type: 'counter',
      values: pools.flatMap(([pool]) =>
        childEnds.map((how) => ({
          labels: { worker, pool, how },
          value: counts.children.get(`${pool} ${how}`) ?? 0,
        })),
      ),
    },
  ];
}

const states = ['waiting', 'delayed', 'active', 'failed'] as const satisfies (keyof QueueCounts)[];

/** Without the worker: every worker of a queue says the same of it. */
function ofQueues({ depth }: Reading): Family {
  return {
    name: 'dtask_queue_tasks',
    help: 'Tasks in a queue, by state',
    type: 'gauge',
    values: [...depth].flatMap(([queue, counts]) =>
      states.map((state) => ({ labels: { queue, state }, value: counts[state] })),
    ),
  };
}
