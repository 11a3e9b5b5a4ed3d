/** Periodic tasks as text, for people. */
import { inspect } from 'node:util';
import type { BeatInfo } from '@dtask/core';
import { argsOf, callOf } from '@dtask/core/internal';
import pc from 'picocolors';
import { ago, ahead, clock } from '../moments.js';
import { table } from '../print.js';
import { oneLine, printable } from '../printable.js';

/** A line for each. */
export function entryList(entries: readonly BeatInfo[]): string {
  if (entries.length === 0) return 'no entries';
  return table(
    ['NAME', 'TASK', 'SCHEDULE', 'NEXT', 'LAST', 'RUNS', 'SOURCE', 'STATE'],
    entries.map((entry) => [
      oneLine(entry.name),
      oneLine(entry.task),
      oneLine(entry.schedule),
      entry.next ? nextOf(entry.next) : '-',
      entry.lastRun ? `${ago(entry.lastRun)}, ${clock(entry.lastRun)}` : '-',
      entry.runs,
      entry.source,
      painted(entry),
    ]),
    'left',
  );
}

/** When it fires next, in a sentence. */
export function whenNext({ name, next, paused }: BeatInfo): string {
  if (paused) return `${name} is paused`;
  return next ? `${name} fires ${nextOf(next)}` : `${name} fires no more`;
}

const nextOf = (next: Date): string => `${ahead(next)}, ${clock(next)}`;

/** How it stands: in a word, or two. */
export function stateOf({ paused, changed, error, next }: BeatInfo): string {
  const words = [
    ...(paused ? ['paused'] : []),
    ...(changed ? ['changed'] : []),
    ...(error === undefined ? [] : [`error: ${oneLine(error)}`]),
    ...(!paused && !next && error === undefined ? ['done'] : []),
  ];
  return words.join(', ') || 'ok';
}

function painted(entry: BeatInfo): string {
  const state = stateOf(entry);
  if (entry.error !== undefined) return pc.red(state);
  return state === 'ok' ? state : pc.yellow(state);
}

/** All that is known of one. */
export function entryFacts(info: BeatInfo): string {
  const { name, task, schedule, next, lastTick, lastRun, lastId, runs, skipped, missed } = info;
  const facts: (readonly [string, string | undefined])[] = [
    ['state', painted(info)],
    ['task', task],
    ['args', argsText(info)],
    ['call', callText(info)],
    ['schedule', schedule],
    ...boundsOf(info),
    ['next', next && `${nextOf(next)}, ${next.toISOString()}`],
    ['last', lastRun && `${ago(lastRun)}, ${clock(lastRun)}`],
    ['tick', lastTick && lastTick.toISOString()],
    ['sent', lastId],
    ['runs', String(runs)],
    ['skipped', skipped > 0 ? `${skipped}, while the task before had not ended` : undefined],
    ['missed', missed > 0 ? `${missed}, while no beat was there` : undefined],
    ['source', info.source === 'code' ? 'the code' : 'added at run time'],
  ];
  const lines = facts.flatMap(([key, value]) =>
    value === undefined ? [] : [`  ${pc.dim(key.padEnd(9))}${indented(printable(value))}`],
  );
  return [pc.bold(printable(name)), ...lines].join('\n');
}

function boundsOf({ entry, overlap }: BeatInfo): (readonly [string, string | undefined])[] {
  const date = (at: number | undefined): string | undefined =>
    at === undefined ? undefined : new Date(at).toISOString();
  const time = (span: number | undefined): string | undefined =>
    span === undefined ? undefined : `${span} ms`;
  return [
    ['start', date(entry?.start)],
    ['end', date(entry?.end)],
    ['limit', entry?.limit === undefined ? undefined : `${entry.limit} ticks`],
    ['jitter', time(entry?.jitter)],
    ['misfire', entry?.misfire],
    ['deadline', time(entry?.deadline)],
    ['overlap', overlap === 'queue' ? undefined : overlap],
  ];
}

function argsText({ entry }: BeatInfo): string | undefined {
  if (!entry) return undefined;
  if (entry.functions?.includes('args')) return 'a function of the code';
  const args = argsOf(entry);
  return args.length === 0 ? undefined : inspected(args);
}

function callText({ entry }: BeatInfo): string | undefined {
  return entry?.call && inspected(callOf(entry));
}

const inspected = (value: unknown): string => inspect(value, { depth: 6, breakLength: 100 });

const indented = (text: string): string => text.replaceAll('\n', `\n${' '.repeat(11)}`);
