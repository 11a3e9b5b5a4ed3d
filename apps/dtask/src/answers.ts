/** Prints what workers answer. */
import { formatBytes, formatMilliseconds } from '@dtask/core/internal';
import type { ActiveTask, Answers, HeldTask, RevokedFacts, ScheduledTask } from '@dtask/core';
import pc from 'picocolors';
import type { AskFlags } from './ask-options.js';
import { print, table } from './print.js';
import { type Missing, sayMissing } from './roll-call.js';

/** Prints the answers of workers; where one is missing, or an error, the exit code says so. */
export function printAnswers(
  flags: AskFlags,
  command: string,
  answers: Answers<unknown>,
  missing: Missing,
  whole: unknown = answers,
): void {
  const workers = Object.entries(answers);
  if (workers.length > 0 || flags.json) {
    print(flags.json, whole, () =>
      workers.map(([worker, answer]) => section(worker, command, answer)).join('\n'),
    );
  }
  if (workers.some(([, answer]) => errorOf(answer) !== undefined)) process.exitCode = 1;
  sayMissing(flags, missing, workers.length);
}

/** The error among a worker's answers. */
export function errorOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  return typeof answer.error === 'string' ? answer.error : undefined;
}

function section(worker: string, command: string, answer: unknown): string {
  const error = errorOf(answer);
  if (error !== undefined) return `${pc.bold(worker)}  ${pc.red(`error: ${error}`)}`;
  const ok =
    typeof answer === 'object' && answer !== null && 'ok' in answer ? answer.ok : undefined;
  if (typeof ok === 'string') return `${pc.bold(worker)}  ${ok}`;
  const text = (shapes[command] ?? facts)((ok ?? answer) as never);
  return `${pc.bold(worker)}\n${indent(text)}`;
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');

const shapes: Readonly<Record<string, (answer: never) => string>> = {
  active: (tasks: readonly ActiveTask[]) =>
    tasksTable(['SINCE'], tasks, (task) => [ago(task.startedAt)]),
  reserved: (tasks: readonly HeldTask[]) => tasksTable([], tasks, () => []),
  scheduled: (tasks: readonly ScheduledTask[]) =>
    tasks.length === 0
      ? '(none)'
      : table(
          ['ID', 'TASK', 'QUEUE', 'DUE', 'PRIORITY', 'ARGUMENTS'],
          tasks.map(({ eta, priority, request: { id, name, queue, args } }) => [
            id,
            name,
            queue,
            eta,
            priority,
            args,
          ]),
          'left',
        ),
  registered: lines,
  activeQueues: lines,
  revoked: ({ ids, rules }: RevokedFacts) => lines([...rules, ...ids]),
  memory: (bytes: Readonly<Record<string, number>>) =>
    facts(
      Object.fromEntries(Object.entries(bytes).map(([key, value]) => [key, formatBytes(value)])),
    ),
};

function lines(items: readonly string[]): string {
  return items.length === 0 ? '(none)' : items.join('\n');
}

function tasksTable<T extends HeldTask>(
  more: readonly string[],
  tasks: readonly T[],
  moreOf: (task: T) => string[],
): string {
  if (tasks.length === 0) return '(none)';
  return table(
    ['ID', 'TASK', 'QUEUE', 'RETRIES', ...more, 'ARGUMENTS'],
    tasks.map((task) => [task.id, task.name, task.queue, task.retries, ...moreOf(task), task.args]),
    'left',
  );
}

const ago = (date: string): string =>
  formatMilliseconds(Math.max(0, Date.now() - new Date(date).getTime()));

/** Names and values; what is in them is named by a path. */
function facts(answer: unknown): string {
  const rows = [...flat(answer, '')];
  if (rows.length === 0) return '(none)';
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}

function* flat(value: unknown, path: string): Generator<[string, string]> {
  if (typeof value !== 'object' || value === null || isPlainList(value)) {
    yield [path, Array.isArray(value) ? value.join(', ') : String(value)];
    return;
  }
  for (const [key, item] of Object.entries(value))
    yield* flat(item, path === '' ? key : `${path}.${key}`);
}

const isPlainList = (value: object): boolean =>
  Array.isArray(value) && value.every((item) => typeof item !== 'object');
