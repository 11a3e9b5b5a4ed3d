/** The packed tasks whose workers the tests kill. */
import { setTimeout as delay } from 'node:timers/promises';
import { type App, type BatchCall, currentTask } from 'dtask';
import { noteStart, passGate } from '../fixtures/faults/trace.js';

/** Declares them on an App: that of the workers, and that of the caller. */
export function declare(app: App) {
  /** One of its calls kills the process that it runs in, a while after it began. */
  const poison = app.task(
    'poison',
    async (mark: string, x: number, deadly: number) => {
      noteStart(`${mark}-${x}`);
      if (x === deadly) {
        await delay(50);
        process.kill(process.pid, 'SIGKILL');
      }
      return x;
    },
    { batch: true, maxCrashes: 1 },
  );

  /** One of its calls waits until the test lets it go on. */
  const held = app.task(
    'held',
    async (mark: string, x: number, stop: number) => {
      noteStart(`${mark}-${x}`);
      if (x === stop) await passGate(mark);
      return x;
    },
    { batch: true },
  );

  /** One of its calls waits until the test lets it go on; it and those behind it then fail once. */
  const shaky = app.task(
    'shaky',
    async (mark: string, x: number, stop: number) => {
      const { retries } = currentTask();
      if (x === stop && retries === 0) {
        noteStart(mark);
        await passGate(mark);
      }
      if (x >= stop && retries === 0) throw new Error('once more');
      return [x, retries];
    },
    { batch: true, maxRetries: 2, retryDelay: 1 },
  );

  const echo = app.task('echo', (x: number) => x, { batch: true });

  /** Computes for so long, and hears of nothing meanwhile. */
  const burn = app.task(
    'burn',
    (ms: number) => {
      const end = Date.now() + ms;
      while (Date.now() < end);
      return process.pid;
    },
    { batch: true, timeLimit: '1s' },
  );

  /** Says who it is, and fails as often as it is told. */
  const flaky = app.task(
    'flaky',
    (fails: number) => {
      const { id, retries } = currentTask();
      if (retries < fails) throw new RangeError(`failure ${retries}`);
      return { id, retries };
    },
    { batch: true, maxRetries: 1, retryDelay: 1 },
  );

  /** Takes many calls: doubles numbers, refuses 13, and one of its calls kills its process. */
  const gathered = app.task(
    'gathered',
    async (calls: readonly BatchCall<[mark: string, x: number, deadly?: number]>[]) => {
      for (const { args } of calls) noteStart(`${args[0]}-${args[1]}`);
      if (calls.some(({ args }) => args[1] === args[2])) {
        await delay(20);
        process.kill(process.pid, 'SIGKILL');
      }
      return calls.map(({ args: [, x], retries }) => {
        if (x === 13) return new RangeError('not 13');
        if (x === 14 && retries === 0) return new Error('once more');
        return { sum: x * 2, size: calls.length, retries };
      });
    },
    {
      batch: { gather: true, size: 4, wait: '200ms' },
      maxCrashes: 1,
      maxRetries: 1,
      retryDelay: 1,
    },
  );

  /** Takes many calls, and waits until the test lets it go on or the call itself is revoked. */
  const patient = app.task(
    'patient',
    async (calls: readonly BatchCall<[mark: string, x: number]>[]) => {
      const [mark] = calls[0]?.args ?? [''];
      noteStart(mark);
      await passGate(mark);
      return calls.map(({ args, signal }) => (signal.aborted ? (signal.reason as Error) : args[1]));
    },
    { batch: { gather: true, size: 3, wait: '10s' } },
  );

  /** Kills its process where it gets many calls; one call by itself may wait until the test lets it go on. */
  const brittle = app.task(
    'brittle',
    async (calls: readonly BatchCall<[mark: string, x: number, stop: number]>[]) => {
      if (calls.length > 1) return dies();
      return Promise.all(
        calls.map(async ({ args: [mark, x, stop] }) => {
          noteStart(`${mark}-${x}`);
          if (x === stop) await passGate(mark);
          return x;
        }),
      );
    },
    { batch: { gather: true, size: 4, wait: '10s' }, maxCrashes: 5 },
  );

  /** Kills its process where it gets many calls, each of which may run only once. */
  const paid = app.task(
    'paid',
    async (calls: readonly BatchCall<[mark: string, x: number]>[]) => {
      for (const { args } of calls) noteStart(`${args[0]}-${args[1]}`);
      return calls.length > 1 ? dies() : calls.map(({ args }) => args[1]);
    },
    {
      batch: { gather: true, size: 3, wait: '10s' },
      delivery: 'at-most-once',
      maxRetries: 3,
      retryDelay: 1,
    },
  );

  /** Takes many calls: each gets a text of the length that it asks for. */
  const wide = app.task(
    'wide',
    (calls: readonly BatchCall<[length: number, nested?: unknown]>[]) =>
      calls.map(({ args: [length] }) => 'x'.repeat(length)),
    { batch: { gather: true, size: 4, wait: '200ms' } },
  );

  return { poison, held, shaky, echo, burn, flaky, gathered, patient, brittle, paid, wide };
}

/** Ends the process; what comes after that never comes. */
function dies(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}
