/** The demo's last page: the statistics, and what happened on the way to them. */
import { bands, dayParts, groupKey, rowOf } from './flights-data.js';
import type { Job } from './job.js';
import { paint, seconds } from './screen.js';
import type { Statistics } from './statistics.js';
import { table } from './table.js';

/** Statistics by group. */
type ByGroup = ReadonlyMap<string, Statistics>;

const busiest = 8;
const count = (value: number): string => value.toLocaleString('en-US');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The 200,000 flights by departure and distance band. */
export function timesTable(statistics: ByGroup): string {
  const rows = dayParts.flatMap((part) =>
    bands.flatMap((band, index) => {
      const group = statistics.get(groupKey(part.name, band.name));
      return group ? [[index === 0 ? part.name : '', band.name, ...cells(group)]] : [];
    }),
  );
  return table(
    [
      'departure',
      'miles',
      'flights',
      'mean',
      '95 % interval',
      'deviation',
      'median',
      'min',
      'max',
      'late',
    ],
    rows,
    2,
  );
}

function cells({
  flights,
  mean,
  low,
  high,
  deviation,
  median,
  least,
  most,
  late,
}: Statistics): string[] {
  const interval = `${low.toFixed(1)} to ${high.toFixed(1)}`;
  return [
    count(flights),
    mean.toFixed(1),
    interval,
    deviation.toFixed(1),
    String(median),
    String(least),
    String(most),
    percent(late),
  ];
}

/** The origins with most flights, by distance band. */
export function originsTable(statistics: ByGroup): string {
  const sizes = new Map<string, number>();
  for (const [group, { flights }] of statistics)
    sizes.set(rowOf(group), (sizes.get(rowOf(group)) ?? 0) + flights);
  const top = [...sizes].sort(([a, m], [b, n]) => n - m || a.localeCompare(b)).slice(0, busiest);
  const rows = top.map(([origin, flights]) => [
    origin,
    count(flights),
    ...bands.map(({ name }) => meanAndLate(statistics.get(groupKey(origin, name)))),
  ]);
  return table(['origin', 'flights', ...bands.map(({ name }) => name)], rows);
}

const meanAndLate = (group: Statistics | undefined): string =>
  group
    ? `${group.mean.toFixed(1).padStart(5)} ${paint('dim', percent(group.late).padStart(7))}`
    : '-';

/** What happened: tasks, workers, the kill, and how it was made good. */
export function happenings(job: Job, took: number): string {
  const twice = job.chunks.filter(({ begun }) => begun.length > 1);
  const flights = job.chunks.reduce((sum, { from, to }) => sum + to - from, 0);
  return [
    line(
      'tasks',
      `${job.chunks.length}, over ${count(flights)} flights; all done ${seconds(took)} after they were sent`,
    ),
    line('workers', shares(job)),
    ...kill(job),
    line(
      'ran twice',
      twice.length === 0
        ? 'none'
        : twice.map(({ number, begun }) => `chunk ${number} (${begun.join(', then ')})`).join('; '),
    ),
  ].join('\n');
}

const line = (what: string, text: string): string => `  ${paint('dim', what.padEnd(10))} ${text}`;

function shares(job: Job): string {
  const finished = new Map<string, number>();
  for (const { finishedBy = '?' } of job.chunks)
    finished.set(finishedBy, (finished.get(finishedBy) ?? 0) + 1);
  return [...finished]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, chunks]) => `${name} finished ${chunks}`)
    .join(', ');
}

function kill({ kill: killed }: Job): string[] {
  if (!killed) return [];
  const { worker, chunk, at, resumedAt = Number.NaN, finishedAt = Number.NaN } = killed;
  return [
    line(
      'killed',
      `${worker.name} (pid ${worker.pid}) by SIGKILL, while it computed chunk ${chunk.number}`,
    ),
    line(
      'recovery',
      `chunk ${chunk.number} was begun anew by ${chunk.finishedBy ?? '?'} ${seconds(resumedAt - at)} after the kill, and done after ${seconds(finishedAt - at)}`,
    ),
  ];
}
