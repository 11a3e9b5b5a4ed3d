/** The app whose canvases are cut short: every run of a task leaves its name and arguments behind. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { App, chain, currentTask } from 'dtask';

export const app = new App('canvas-crash');

/** Notes a run in a file, which no fault of Redis touches, and whose appends are whole. */
function note(): void {
  const { id, name: task, args } = currentTask();
  const run = { id, pid: process.pid, at: Date.now(), task, args };
  appendFileSync(
    join(process.env['TRACE_DIR'] ?? '', 'runs.starts'),
    `${JSON.stringify(run, (_key, value: unknown) => (value instanceof Error ? String(value) : value))}\n`,
  );
}

export const add = app.task('add', (x: number, y: number) => {
  note();
  return x + y;
});

/** Ends in a later turn of the event loop: its worker takes another way than with `add`. */
export const addLater = app.task('add-later', async (x: number, y: number) => {
  note();
  await turn();
  return x + y;
});

export const gather = app.task('gather', (list: readonly unknown[]) => {
  note();
  return list;
});

/** Is replaced by a chain. */
export const detour = app.task('detour', (x: number): number => {
  note();
  return currentTask().replace(chain(add.s(x, 1), addLater.s(10)));
});

export const fail = app.task('fail', (message: string): number => {
  note();
  throw new RangeError(message);
});

/** Stands for what is linked to a step, for its value or for its failure. */
export const tell = app.task('tell', (_news: unknown) => note());
