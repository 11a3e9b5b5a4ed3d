/** The parts of the screen: what each lists, in which columns. */
import pc from 'picocolors';
import { oneLine } from '../printable.js';
import type { Column } from './columns.js';
import type { FailureRow } from './latest-failures.js';
import { count, rate, span } from './numbers.js';
import type { QueueRow, RunningRow, Snapshot, WorkerRow } from './snapshot.js';
import type { Sort, View } from './view.js';

/** One part. */
export interface Section {
  readonly title: string;
  /** The columns; the head of the first is the title. */
  readonly columns: readonly Column[];
  readonly rows: readonly SectionRow[];
  /** Whether there are more than these rows. */
  readonly partial?: boolean;
  /** What stands there without rows. */
  readonly empty: string;
}

/** A row, and the colour that it stands in. */
export interface SectionRow {
  readonly cells: readonly string[];
  readonly colour?: (text: string) => string;
}

const number = (head: string, more: Partial<Column> = {}): Column => ({
  head,
  align: 'right',
  steady: 6,
  ...more,
});
/** An id is of use only as a whole: somebody is to copy it. */
const id: Column = { head: 'ID', spare: 3 };

/** The parts of a screen, from above. */
export function sectionsOf(view: View, snapshot: Snapshot): Section[] {
  return [
    workers(snapshot.workers, view.sort),
    queues(snapshot.queues, view),
    running(snapshot.running.filter(inQueue(view))),
    failures(snapshot.failures.filter(inQueue(view)), snapshot.at),
  ];
}

const inQueue =
  ({ queue }: View) =>
  (row: { readonly queue: string }): boolean =>
    queue === undefined || row.queue === queue;

function workers(rows: readonly WorkerRow[], sort: Sort): Section {
  const sorted = inOrder(
    rows,
    sort,
    ({ running: busy }) => busy,
    ({ rate: speed }) => speed,
  );
  return {
    title: 'WORKERS',
    columns: [
      { head: 'WORKERS', least: 16 },
      { head: 'HOST/PID', least: 10, spare: 7 },
      { head: 'POOL', spare: 4 },
      number('RUN/SIZE', { steady: 8 }),
      number('DONE', { spare: 2 }),
      number('/S'),
      number('LOAD', { steady: 5, spare: 5 }),
      number('UP', { spare: 6 }),
    ],
    rows: sorted.map(workerCells),
    empty: 'no worker answers',
  };
}

function workerCells(row: WorkerRow): SectionRow {
  const { name, host, pid, pool, running: busy, size, processed, load, uptime, silent } = row;
  const who = [oneLine(name), host === '' ? '-' : `${oneLine(host)}/${pid}`, oneLine(pool) || '-'];
  if (silent !== undefined) {
    const since = `silent ${span(silent)}`;
    return { cells: [...who, since, count(processed), '-', '-', '-'], colour: pc.red };
  }
  const cells = [
    ...who,
    `${count(busy)}/${count(size)}`,
    count(processed),
    rate(row.rate),
    load.toFixed(2),
    span(uptime),
  ];
  return { cells };
}

function queues(rows: readonly QueueRow[], { sort, queue: chosen }: View): Section {
  // The numbers are those of keys, whatever the order.
  const numbered = rows.map((row, index) => ({ ...row, key: index < 9 ? String(index + 1) : ' ' }));
  const sorted = inOrder(
    numbered,
    sort,
    ({ waiting, active }) => waiting + active,
    ({ out }) => out,
  );
  return {
    title: 'QUEUES',
    columns: [
      { head: 'QUEUES', least: 14 },
      number('WAITING', { steady: 7 }),
      number('DELAYED', { steady: 7 }),
      number('ACTIVE'),
      number('FAILED'),
      number('IN/S', { spare: 1 }),
      number('OUT/S', { spare: 2 }),
    ],
    rows: sorted.map(({ key, name, waiting, delayed, active, failed, in: came, out }) => ({
      cells: [
        `${key} ${oneLine(name)}`,
        ...[waiting, delayed, active, failed].map(count),
        rate(came),
        rate(out),
      ],
      ...(name === chosen && { colour: pc.bold }),
    })),
    empty: 'no queue was used yet',
  };
}

function running(rows: readonly RunningRow[]): Section {
  return {
    title: 'RUNNING',
    columns: [
      { head: 'RUNNING', least: 12 },
      number('FOR'),
      { head: 'QUEUE', least: 8, spare: 6 },
      { head: 'WORKER', least: 14, spare: 4 },
      id,
      { head: 'ARGUMENTS', least: 9, spare: 7 },
    ],
    rows: rows.map(({ task, seconds, queue, worker, id: which, retries, args }) => ({
      cells: [
        `${oneLine(task)}${retries > 0 ? ` (retry ${retries})` : ''}`,
        span(seconds),
        oneLine(queue),
        oneLine(worker),
        oneLine(which),
        oneLine(args),
      ],
    })),
    empty: 'nothing runs',
  };
}

function failures(rows: readonly FailureRow[], now: Date): Section {
  return {
    title: 'FAILURES',
    columns: [
      { head: 'FAILURES', least: 12 },
      number('AGO'),
      { head: 'QUEUE', least: 8, spare: 6 },
      id,
      { head: 'ERROR', least: 20 },
    ],
    rows: rows.map(({ task, at, queue, id: which, error }) => ({
      cells: [
        oneLine(task) || '(no name)',
        span((now.getTime() - at.getTime()) / 1_000),
        oneLine(queue),
        oneLine(which),
        oneLine(error),
      ],
    })),
    partial: true,
    empty: 'none is kept',
  };
}

/** By name they stand in that order already. */
function inOrder<T>(
  rows: readonly T[],
  sort: Sort,
  busy: (row: T) => number,
  speed: (row: T) => number | undefined,
): readonly T[] {
  if (sort === 'name') return rows;
  const of = sort === 'busy' ? busy : (row: T): number => speed(row) ?? 0;
  return rows.toSorted((one, other) => of(other) - of(one));
}
