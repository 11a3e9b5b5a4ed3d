/** What tasks do with canvases, and what is known of one: waiting within a task, generators, graphs, children. */
import { type App, chain, chord, currentTask, group, RegistryError } from 'dtask';
import { describe, expect, it } from 'vitest';
import { Gate } from '../behaviour/gate.js';
import { app } from '../behaviour/own-app.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../behaviour/rejection.js';
import { messageKey } from '../behaviour/stage.js';

const soon = { timeout: '20s' } as const;

/** Tasks that every test may use. */
function tasks() {
  return {
    identity: app.task('identity', (x: number) => x),
    add: app.task('add', (x: number, y: number) => x + y),
    sum: app.task('sum', (numbers: number[]) => numbers.reduce((all, one) => all + one, 0)),
    fail: app.task('fail', (): never => {
      throw new Error('no');
    }),
  };
}

describe('a task that waits for others', () => {
  it('lets them run on its own worker, though that has a single slot', async () => {
    const fib = app.task('fib', async (n: number): Promise<number> =>
      n < 2 ? n : (await fib.delay(n - 1).get()) + (await fib.delay(n - 2).get()),
    );
    await stage.worker(app, { concurrency: 1 });
    expect(await fib.delay(8).get(soon)).toBe(21);
  });

  it('may wait for a whole canvas', async () => {
    const { add, sum } = tasks();
    const all = app.task('all', () =>
      chord([add.s(1, 1), add.s(2, 2)], sum.s())
        .delay()
        .get(),
    );
    await stage.worker(app, { concurrency: 1 });
    expect(await all.delay().get(soon)).toBe(6);
  });

  it('is told at once when it waits for itself', async () => {
    const self = app.task('self', () => app.result(currentTask().id).get());
    await stage.worker(app, { concurrency: 1 });
    const error = await rejection(self.delay().get(soon));
    expect(error).toMatchObject({ errorName: 'RegistryError' });
    expect(String(error)).toContain('waits for its own result');
  });

  it('leaves its worker as it was: one task at a time', async () => {
    let running = 0;
    let most = 0;
    const busy = app.task('busy', async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
    });
    const waits = app.task('waits', async () => {
      await busy.delay().get();
    });
    await stage.worker(app, { concurrency: 1 });
    await waits.delay().get(soon);
    await group(Array.from({ length: 20 }, () => busy.s()))
      .delay()
      .get(soon);
    expect(most).toBe(1);
  });
});

describe('a generator', () => {
  async function* numbers(count: number, part: (n: number) => ReturnType<App['signature']>) {
    for (let n = 0; n < count; n += 1) {
      // Now and then it has to wait for what it reads.
      if (n % 100 === 0) await Promise.resolve();
      yield part(n);
    }
  }

  it('is sent as it produces, and its values come in order', async () => {
    const { identity } = tasks();
    await stage.worker(app, { concurrency: 50 });
    const results = await app.group(numbers(1_200, (n) => identity.s(n) as never));
    expect(results.length).toBe(1_200);
    expect(await results.get(soon)).toEqual(Array.from({ length: 1_200 }, (_, n) => n));
  });

  it('makes the header of a chord, of parts of any kind', async () => {
    const { identity, add, sum } = tasks();
    await stage.worker(app, { concurrency: 50 });
    const parts = numbers(
      700,
      (n) => (n % 2 ? identity.s(n) : chain(identity.s(n), add.s(0))) as never,
    );
    expect(await app.chord(parts, sum.s() as never).get(soon)).toBe((700 * 699) / 2);
  });

  it('of nothing gives nothing', async () => {
    const { sum } = tasks();
    await stage.worker(app);
    expect(await app.group([]).get(soon)).toEqual([]);
    expect(await app.chord([], sum.s() as never).get(soon)).toBe(0);
  });

  it('that breaks, and a part that fails, are told of', async () => {
    const { identity, fail, sum } = tasks();
    await stage.worker(app);
    async function* broken() {
      yield identity.s(1);
      await Promise.resolve();
      throw new Error('the generator broke');
    }
    expect(String(await rejection(app.group(broken()).get(soon)))).toContain('the generator broke');
    const failing = app.chord([identity.s(1), fail.s()] as never, sum.s() as never);
    expect(await rejection(failing.get(soon))).toMatchObject({ message: 'no' });
  });

  it('that stands still holds up no get() beyond its timeout, nor beyond its signal', async () => {
    const { identity } = tasks();
    await stage.worker(app);
    let goOn = (): void => undefined;
    const stuck = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* slow() {
      yield identity.s(1);
      await stuck;
      yield identity.s(2);
    }
    const sent = app.group(slow());
    const late = await rejection(sent.get({ timeout: 50 }));
    expect(late).toMatchObject({ code: 'RESULT_TIMEOUT' });
    const signal = AbortSignal.timeout(50);
    expect(await rejection(sent.get({ signal }))).toBe(signal.reason);
    goOn();
    expect(await sent.get(soon)).toEqual([1, 2]);
  });

  it('is refused by group(), which would have to wait for it', () => {
    const { identity } = tasks();
    expect(() => group(numbers(1, (n) => identity.s(n) as never) as never)).toThrow(
      /app\.group\(generator\)/,
    );
  });
});

describe('what is known of a canvas', () => {
  it('is its graph, and the text that draws it', () => {
    const { add, sum } = tasks();
    const canvas = chain(add.s(1, 2), group(add.s(1), add.s(2).link(sum.s() as never)), sum.s());
    expect(canvas.graph().nodes.map(({ task }) => task)).toEqual([
      'add',
      'add',
      'add',
      'sum',
      'sum',
    ]);
    expect(canvas.toMermaid().split('\n')).toEqual([
      'flowchart LR',
      '  t0["add"]',
      '  t1["add"]',
      '  t2["add"]',
      '  t3["sum"]',
      '  t4["sum"]',
      '  t0 --> t1',
      '  t0 --> t2',
      '  t2 -. value .-> t3',
      '  t1 --> t4',
      '  t2 --> t4',
    ]);
  });

  it('is what it led to: children, and their values from the first on', async () => {
    const { add } = tasks();
    const parent = app.task('parent', async () => {
      await add.delay(20, 1);
      return 'called';
    });
    await stage.worker(app);
    const first = await parent.delay();
    expect(await first.get(soon)).toBe('called');
    const found: unknown[] = [];
    for await (const [, value] of first.collect(soon)) found.push(value);
    expect(found).toEqual(['called', 21]);

    const last = await chain(add.s(1, 1), add.s(2), add.s(3)).delay();
    expect(await last.get(soon)).toBe(7);
    const head = app.result(last.parent?.parent?.id ?? '');
    const values: unknown[] = [];
    for await (const [, value] of head.collect(soon)) values.push(value);
    expect(values).toEqual([2, 4, 7]);
  });

  it('is how far a task is, as it says so', async () => {
    const count = app.task('count', async () => {
      for (let at = 1; at <= 3; at += 1) {
        await currentTask().progress(at);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return 'done';
    });
    await stage.worker(app);
    const result = await count.delay();
    const heard: unknown[] = [];
    for await (const details of result.progress()) heard.push(details);
    expect(heard.at(-1)).toBe(3);
    expect(await result.get(soon)).toBe('done');
  });

  it('is what it was stamped with, task by task', async () => {
    const headers = app.task('headers', () => currentTask().headers);
    await stage.worker(app);
    const stamped = group(headers.s(), headers.s())
      .stamp({ request: 7 })
      .stamp(({ task }) => ({ of: task }));
    expect(await stamped.delay().get(soon)).toEqual([
      { request: 7, of: 'headers' },
      { request: 7, of: 'headers' },
    ]);
  });

  it('may be its id, ahead of its being sent', async () => {
    const { add } = tasks();
    await stage.worker(app);
    const canvas = chain(add.s(1, 1), add.s(2)).freeze('known-ahead');
    const sent = await canvas.delay();
    expect(sent.id).toBe('known-ahead');
    expect(await app.result('known-ahead').get(soon)).toBe(4);
    expect(() => group(add.s(1, 1), add.s(2, 2)).freeze('two')).toThrow(/ends with 2/);
  });
});

describe('what becomes of a canvas', () => {
  it('is told to those who wait when its queue is purged, damaged jobs in it or not', async () => {
    const { add } = tasks();
    const result = await chain(add.s(1, 1), add.s(2)).delay();
    await stage.redis
      .multi()
      .hset(messageKey(app, 'default', 'damaged'), { name: 'x', data: '{', opts: '{' })
      .lpush(messageKey(app, 'default', 'wait'), 'damaged')
      .exec();
    expect(await app.queues.purge('default')).toBe(2);
    expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    expect((await app.queues.counts('default')).waiting).toBe(0);
  });

  it('is left to another worker when the App of this one is closed', async () => {
    const begun = new Gate();
    const end = new Gate();
    const caller = stage.app({ prefix: app.config.prefix });
    app.task('held', async () => {
      begun.open();
      await end.passed;
      return 1;
    });
    const first = await stage.worker(app);
    const result = chain(caller.signature('held'), caller.signature('after')).delay();
    await begun.passed;
    await app.close();
    end.open();
    await first.stop();

    const heir = stage.app({ prefix: app.config.prefix });
    heir.task('held', () => 1);
    heir.task('after', (value: number) => value + 1);
    await stage.worker(heir);
    expect(await result.get(soon)).toBe(2);
  });

  it('costs messages that stay small, however much follows', async () => {
    const { identity, sum } = tasks();
    const { prefix } = app.config;
    await chain(identity.s(0), ...Array.from({ length: 999 }, () => identity.s())).delay();
    await chord(
      Array.from({ length: 500 }, (_, n) => identity.s(n)),
      sum.s(),
    ).delay();
    for (const key of await stage.redis.keys(`${prefix}:{default}:*-*`))
      expect(await stage.redis.hstrlen(key, 'data')).toBeLessThan(400);
    expect(await stage.redis.keys(`${prefix}:f:*`)).toHaveLength(1);
    expect(await stage.redis.keys(`${prefix}:j:*`)).toHaveLength(1);
  });
});

it('a canvas of no App says so when it is sent', async () => {
  const { signature } = await import('dtask');
  expect(await rejection(signature('some.task').delay())).toBeInstanceOf(RegistryError);
});
