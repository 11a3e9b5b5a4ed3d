/** Failed tasks as text, for people. */
import { inspect } from 'node:util';
import type { FailedTask, Failure } from '@dtask/core';
import { ownFrames, reasonOf } from '@dtask/core/internal';
import pc from 'picocolors';
import { ago, clock } from './moments.js';
import { oneLine, printable } from './printable.js';

/** The widest line where the output is no terminal. */
const widest = 160;

/** Two lines for each: which task, and what went wrong. */
export function failedList(tasks: readonly FailedTask[]): string {
  if (tasks.length === 0) return 'no failed tasks';
  return tasks.map((task) => [heading(task), `  ${reason(task)}`].join('\n')).join('\n');
}

function heading(failed: FailedTask): string {
  const { task, id, queue, failedAt, retries, crashes, history } = failed;
  const facts = [
    `${ago(failedAt)} in ${queue}`,
    ...(retries > 0 ? [`after ${times(retries, 'retry', 'retries')}`] : []),
    ...(crashes > 0 ? [times(crashes, 'crash', 'crashes')] : []),
    ...(history.length > 0 ? [`failed ${history.length + 1} times`] : []),
  ];
  return `${title(task, id)}  ${pc.dim(oneLine(facts.join(', ')))}`;
}

function reason({ error, damaged }: FailedTask): string {
  const text = damaged === undefined ? reasonOf(error) : `damaged: ${damaged}`;
  const line = cut(text, 2);
  return damaged === undefined ? pc.red(line) : pc.yellow(line);
}

/** As much of the first line as fits beside what is before it. */
function cut(text: string, before: number): string {
  const width = (process.stdout.columns ?? widest) - before;
  const line = oneLine(text.split('\n', 1)[0] ?? '');
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}

/** All that is known of one. */
export function failedTask(failed: FailedTask): string {
  const { task, id, error, damaged, tries, history } = failed;
  const facts = factsOf(failed).map(([name, value]) => `  ${pc.dim(name.padEnd(9))}${value}`);
  // A job that others have put there may be damaged without having failed.
  const failure =
    damaged !== undefined && !error.stack && error.message === '' ? [] : stackOf(error);
  return [
    title(task, id),
    ...facts,
    ...section(damaged === undefined ? [] : [pc.yellow(printable(`damaged: ${damaged}`))]),
    ...section(failure),
    ...section(
      tries.map((earlier) => `  ${cut(reasonOf(earlier), 2)}`),
      'The runs before',
    ),
    ...section(
      history.map(({ failedAt, retriedAt, error: earlier }) => {
        const when = `  ${clock(failedAt)}, retried ${clock(retriedAt)}  `;
        return when + cut(reasonOf(earlier), when.length);
      }),
      'Failed before',
    ),
  ].join('\n');
}

function factsOf(failed: FailedTask): (readonly [string, string])[] {
  const { queue, failedAt, sentAt, startedAt, worker, retries, crashes } = failed;
  const { args, headers, rootId, parentId, followed } = failed;
  const facts: (readonly [string, string | undefined])[] = [
    ['failed', `${clock(failedAt)}, ${ago(failedAt)}${worker ? `, on ${printable(worker)}` : ''}`],
    ['began', startedAt && clock(startedAt)],
    ['sent', sentAt && clock(sentAt)],
    ['queue', queue],
    ['retries', String(retries)],
    ['crashes', crashes > 0 ? String(crashes) : undefined],
    ['args', args && indented(inspect(args, { depth: 6, breakLength: 100 }))],
    ['headers', headers && indented(inspect(headers, { depth: 6, breakLength: 100 }))],
    ['root', rootId],
    ['parent', parentId],
    ['canvas', followed ? 'what follows it was told of the failure' : undefined],
  ];
  return facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
}

/** The stack, and below it those of what led to it. */
function stackOf(error: Failure): string[] {
  const { stack, notes = [], cause } = error;
  // A stack begins with name and message, unless the error was changed after it was made.
  const heading = reasonOf(error);
  const lines = printable(ownFrames(stack ?? heading)).split('\n');
  if (!stack?.startsWith(heading.slice(0, 60))) lines.unshift(printable(heading));
  const [first = '', ...rest] = lines;
  return [
    pc.red(first),
    ...rest.map((line) => (line.startsWith('    at ') ? pc.dim(line) : line)),
    ...notes.map((text) => `  note: ${printable(text)}`),
    ...(cause
      ? stackOf(cause).map((line, at) => (at === 0 ? `  caused by ${line}` : `  ${line}`))
      : []),
  ];
}

const section = (lines: readonly string[], heading?: string): string[] =>
  lines.length === 0 ? [] : ['', ...(heading === undefined ? [] : [pc.bold(heading)]), ...lines];

const title = (task: string, id: string): string =>
  `${pc.bold(oneLine(task) || '(no name)')} ${oneLine(id)}`;

const indented = (text: string): string => text.replaceAll('\n', `\n${' '.repeat(11)}`);

const times = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;
