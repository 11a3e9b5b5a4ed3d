/** Tasks that change what they were given, and fail: what runs again is what was sent. */
import { type App, currentTask, Reject } from 'dtask';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../behaviour/rejection.js';

const soon = { timeout: '15s' } as const;

interface Bag {
  readonly items: unknown[];
}

/** What it puts in: something that can travel, and something that cannot. */
const additions: readonly (readonly [string, unknown])[] = [
  ['what can travel', 'more'],
  ['what cannot', () => 'no JSON'],
];

/** Three calls share a message where they are packed. */
const bags = (): Bag[] => [1, 2, 3].map((x) => ({ items: [x] }));

async function served(): Promise<App> {
  const app = stage.app();
  const worker = await stage.worker(app);
  onTestFinished(() => worker.stop());
  return app;
}

const kinds = [
  ['packed calls', true],
  ['single calls', false],
  ['gathered calls', { gather: true, size: 3, wait: '100ms' }],
] as const;

describe.each(kinds)('%s that put something into their arguments', (_kind, batch) => {
  /** Gives how many items each run of each call found. */
  async function runs(
    added: unknown,
    end: (retries: number) => void,
  ): Promise<{ app: App; found: number[]; ends: PromiseSettledResult<unknown>[]; ids: string[] }> {
    const app = await served();
    const found: number[] = [];
    const run = (bag: Bag): number => {
      found.push(bag.items.length);
      bag.items.push(added);
      return bag.items.length;
    };
    const options = { maxRetries: 2, retryDelay: 1 };
    const one = (bag: Bag): number => {
      const count = run(bag);
      end(currentTask().retries);
      return count;
    };
    const gathered = (calls: readonly { args: readonly [Bag]; retries: number }[]): number[] => {
      for (const { args } of calls) run(args[0]);
      end(Math.max(...calls.map(({ retries }) => retries)));
      return calls.map(({ args }) => args[0].items.length);
    };
    const task =
      typeof batch === 'object'
        ? app.task('change', gathered as never, { ...options, batch } as never)
        : app.task('change', one, { ...options, batch });
    const delayed = task as unknown as { delay(bag: Bag): ReturnType<App['sendTask']> };
    const results = bags().map((bag) => delayed.delay(bag));
    const ends = await Promise.allSettled(results.map((result) => result.get(soon)));
    return { app, found, ends, ids: results.map(({ id }) => id) };
  }

  test.each(additions)(
    '%s, and fail at first: each run gets what was sent',
    async (_what, added) => {
      const { found, ends } = await runs(added, (retries) => {
        if (retries < 2) throw new Error('again');
      });
      expect(ends).toEqual(Array(3).fill({ status: 'fulfilled', value: 2 }));
      expect(new Set(found)).toEqual(new Set([1]));
      // Those that are gathered may run with others that were tried more often.
      expect(found.length).toBeGreaterThanOrEqual(typeof batch === 'object' ? 6 : 9);
    },
  );

  test.each(additions)(
    '%s, and fail: what was sent is kept, and can be run again',
    async (_what, added) => {
      let isMended = false;
      const { app, found, ends, ids } = await runs(added, () => {
        if (!isMended) throw new Error('for good');
      });
      expect(ends.map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
      const kept = [];
      for await (const failed of app.failed.list()) kept.push(failed);
      expect(kept.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      expect(kept.map(({ args }) => (args as readonly [Bag])[0].items.length)).toEqual([1, 1, 1]);
      isMended = true;
      await app.failed.retry({});
      for (const id of ids) expect(await app.result(id).get(soon)).toBe(2);
      expect(new Set(found)).toEqual(new Set([1]));
    },
  );
});

test('a call that changes its arguments and gives itself back goes back as it was sent', async () => {
  const app = await served();
  const found: number[] = [];
  const task = app.task(
    'back',
    (bag: Bag) => {
      found.push(bag.items.length);
      bag.items.push(() => 'no JSON');
      if (found.length <= 3) throw new Reject('not now', { requeue: true });
      return bag.items.length;
    },
    { batch: true },
  );
  const results = bags().map((bag) => task.delay(bag));
  expect(await Promise.all(results.map((result) => result.get(soon)))).toEqual([2, 2, 2]);
  expect(new Set(found)).toEqual(new Set([1]));
});

test('a retry with other arguments keeps the headers as they were sent', async () => {
  const app = await served();
  const seen: unknown[] = [];
  for (const batch of [true, false]) {
    const task = app.task(
      `headed.${batch}`,
      (x: number): number => {
        const { headers, retries } = currentTask();
        seen.push({ ...headers });
        Object.assign(headers, { added: true });
        if (retries === 0) currentTask().retry({ args: [x + 1], countdown: 0 });
        return x;
      },
      { batch, maxRetries: 1 },
    );
    const calls = [1, 2, 3].map((x) => task.applyAsync([x], { headers: { sent: 'so' } }));
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([2, 3, 4]);
  }
  expect(seen).toEqual(Array(12).fill({ sent: 'so' }));
});

test('what cannot be encoded of an error is no reason to try it for ever', async () => {
  const app = await served();
  const task = app.task(
    'odd',
    () => {
      throw Object.assign(new Error('odd'), { detail: () => 'no JSON' });
    },
    { batch: true, maxRetries: 0 },
  );
  const calls = [1, 2, 3].map(() => task.delay());
  const errors = await Promise.all(calls.map((call) => rejection(call.get(soon))));
  expect(errors.map(({ message }) => message)).toEqual(['odd', 'odd', 'odd']);
});
