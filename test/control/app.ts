/** The app whose workers the control tests ask. */
import { setTimeout as delay } from 'node:timers/promises';
import { App, currentTask, group } from 'dtask';
import { noteEnd, noteStart, passGate } from '../fixtures/faults/trace.js';

export const app = new App('control');

export const echo = app.task('echo', (value: unknown) => value);

/** Notes that it ran. */
export const note = app.task('note', (mark: string) => {
  noteStart(mark);
  noteEnd(mark);
  return mark;
});

/** Runs until the test lets it end, or its signal fires. */
export const gated = app.task('gated', async (mark: string) => {
  const { signal } = currentTask();
  noteStart(mark);
  const aborted = new Promise<string>((resolve) => {
    signal.addEventListener('abort', () => resolve(String(signal.reason)), { once: true });
  });
  const how = await Promise.race([passGate(mark).then(() => 'opened'), aborted]);
  noteEnd(mark);
  return how;
});

/** Calls another task once it may, and gives that one's id. */
export const parent = app.task('parent', async (mark: string) => {
  noteStart(mark);
  await passGate(mark);
  return (await note.delay(`${mark}-child`)).id;
});

export const flaky = app.task(
  'flaky',
  () => {
    if (currentTask().retries === 0) throw new TypeError('not yet');
    return 'at last';
  },
  { maxRetries: 3, retryDelay: 10 },
);

export const fail = app.task('fail', (message: string) => {
  throw new TypeError(message);
});

export const steps = app.task('steps', async (count: number) => {
  for (let step = 1; step <= count; step += 1) await currentTask().progress({ step });
  return count;
});

/** Puts a group in its own place. */
export const replaced = app.task('replaced', () => currentTask().replace(group(echo.si(1))));

/** Blocks the event loop. */
export const burn = app.task('burn', (mark: string, ms: number) => {
  noteStart(mark);
  const end = performance.now() + ms;
  let turns = 0;
  while (performance.now() < end) turns += 1;
  noteEnd(mark);
  return turns > 0;
});

app.controlCommand('greet', async ({ whom }, { name }) => {
  await delay(1);
  return { text: `hello ${String(whom)}`, from: name };
});
app.controlCommand('dawdle', () => delay(60_000, 'at last', { ref: false }));
app.controlCommand('explode', () => {
  throw new RangeError('no such luck');
});
app.controlCommand('unsendable', () => 1n);
