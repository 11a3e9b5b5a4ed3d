/** How often and how many at a time: limits that hold over all workers. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { app } from '../behaviour/own-app.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection, thrown } from '../behaviour/rejection.js';

const soon = { timeout: '20s' } as const;

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('a rate limit', () => {
  it('holds for all workers together', async () => {
    const at = app.task('at', () => Date.now(), { rateLimit: '10/s' });
    await stage.worker(app);
    await stage.worker(app);
    const begun = Date.now();
    const moments = await Promise.all(range(8).map(() => at.delay().get(soon)));
    // The eighth has its turn 700 ms behind the first.
    expect(Math.max(...moments) - begun).toBeGreaterThanOrEqual(690);
    expect(await stage.redis.keys(`${app.config.prefix}:l:*`)).toHaveLength(1);
    await eventually(() => stage.redis.keys(`${app.config.prefix}:l:*`)).toEqual([]);
  });

  it('holds nothing else up', async () => {
    const slow = app.task('slow', () => 'slow', { rateLimit: '1/h' });
    const quick = app.task('quick', () => 'quick');
    await stage.worker(app, { concurrency: 1 });
    const held = range(20).map(() => slow.delay());
    expect(await Promise.all(range(20).map(() => quick.delay().get(soon)))).toHaveLength(20);
    expect(await held[0]?.get(soon)).toBe('slow');
    await eventually(async () => (await app.queues.counts('default')).delayed).toBe(19);
    expect(await Promise.all(held.slice(1).map((one) => one.then((r) => r.revoke())))).toEqual(
      range(19).map(() => true),
    );
  });

  it.each(['a purge', 'a revocation'])(
    'deals out anew the turns that %s has freed',
    async (how) => {
      const slow = app.task('slow', (n: number) => n, { rateLimit: '20/m' });
      await stage.worker(app);
      const held = await Promise.all(range(21).map((n) => slow.delay(n)));
      await eventually(async () => (await app.queues.counts('default')).delayed).toBe(20);
      if (how === 'a purge') await app.queues.purge('default');
      else await app.control.revoke(held.map(({ id }) => id));
      // The next turn by the rate is in three seconds, and not in a minute.
      expect(await slow.delay(99).get(soon)).toBe(99);
    },
  );

  it('counts each key by itself', async () => {
    const send = app.task('send', (user: string) => user, {
      rateLimit: '1/h',
      rateLimitKey: (user) => user,
    });
    await stage.worker(app);
    expect(
      await Promise.all(['ann', 'bob', 'cy'].map((user) => send.delay(user).get(soon))),
    ).toEqual(['ann', 'bob', 'cy']);
    await send.delay('ann');
    await eventually(async () => (await app.queues.counts('default')).delayed).toBe(1);
  });

  it('may be that of each worker', async () => {
    const task = app.task('local', () => Date.now(), {
      rateLimit: '20/s',
      rateLimitScope: 'worker',
    });
    await stage.worker(app);
    const begun = Date.now();
    const moments = await Promise.all(range(5).map(() => task.delay().get(soon)));
    expect(Math.max(...moments) - begun).toBeGreaterThanOrEqual(190);
    expect(await stage.redis.keys(`${app.config.prefix}:l:*`)).toEqual([]);
  });

  it.each(['global', 'worker'] as const)(
    'holds when there was no room for a while, for the scope %s',
    async (rateLimitScope) => {
      const options = { rateLimit: '2/s', rateLimitScope } as const;
      const at = app.task(`at.${rateLimitScope}`, () => Date.now(), options);
      const gate = new Gate();
      const held = app.task(`held.${rateLimitScope}`, () => gate.passed);
      await stage.worker(app, { concurrency: 1 });
      const calls = await Promise.all(range(6).map(() => at.delay()));
      await eventually(async () => (await app.queues.counts('default')).delayed).toBe(5);
      const other = await held.delay();
      await eventually(() => other.state()).toBe('STARTED');
      // So long that all come to their turns.
      await pause(2_600);
      gate.open();
      const moments = await Promise.all(calls.map((call) => call.get(soon)));
      const gaps = moments
        .toSorted((one, two) => one - two)
        .map((moment, n, all) => moment - (all[n - 1] ?? -Infinity));
      // A start that is up to 100 ms late is made up for.
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(380);
    },
  );

  it('gives a retry a turn of its own', async () => {
    const runs: number[] = [];
    const flaky = app.task(
      'flaky',
      () => {
        if (runs.push(Date.now()) < 3) throw new Error('not yet');
        return 'done';
      },
      { rateLimit: '5/s', maxRetries: 5, retryDelay: 0 },
    );
    await stage.worker(app);
    const begun = Date.now();
    expect(await flaky.delay().get(soon)).toBe('done');
    expect((runs[2] ?? 0) - begun).toBeGreaterThanOrEqual(390);
  });

  it('fails a task whose key function throws', async () => {
    const keyed = app.task('keyed', (user: string) => user, {
      rateLimit: '1/s',
      rateLimitKey: () => {
        throw new TypeError('no key');
      },
    });
    await stage.worker(app);
    expect(await rejection(keyed.delay('x').get(soon))).toMatchObject({ message: 'no key' });
  });
});

describe('a concurrency limit', () => {
  it('holds for all workers together, and lets others by', async () => {
    let running = 0;
    let most = 0;
    const one = app.task(
      'one',
      async () => {
        most = Math.max(most, (running += 1));
        await pause(20);
        running -= 1;
      },
      { maxConcurrency: 2 },
    );
    const other = app.task('other', () => 'other');
    await stage.worker(app);
    await stage.worker(app);
    const all = range(30).map(() => one.delay());
    expect(await other.delay().get(soon)).toBe('other');
    await Promise.all(all.map((result) => result.get(soon)));
    expect(most).toBe(2);
    await eventually(() => stage.redis.keys(`${app.config.prefix}:l:*`)).toEqual([]);
  });

  it('counts each key by itself', async () => {
    const gates = new Map(['ann', 'bob'].map((user) => [user, new Gate()]));
    const begun: string[] = [];
    const sync = app.task(
      'sync',
      async (user: string) => {
        begun.push(user);
        await gates.get(user)?.passed;
        return user;
      },
      { maxConcurrency: 1, concurrencyKey: (user) => user },
    );
    await stage.worker(app);
    const all = ['ann', 'ann', 'bob'].map((user) => sync.delay(user));
    await eventually(() => begun.toSorted()).toEqual(['ann', 'bob']);
    await eventually(async () => (await app.queues.counts('default')).delayed).toBe(1);
    for (const gate of gates.values()) gate.open();
    expect(await Promise.all(all.map((one) => one.get(soon)))).toEqual(['ann', 'ann', 'bob']);
  });

  it('gives the place of a worker that died to the next', async () => {
    const only = app.task('only', () => 'ran', { maxConcurrency: 1 });
    const caller = stage.app({ prefix: app.config.prefix });
    // A place whose holder is gone: its worker was killed before it could give it back.
    await stage.redis.zadd(`${app.config.prefix}:l:run:only`, 1, 'default|dead');
    const result = caller.sendTask(only.name);
    await stage.worker(app);
    expect(await result.get(soon)).toBe('ran');
  });

  it('passes over those who were revoked while they waited', async () => {
    const gate = new Gate();
    const begun = new Gate();
    const held = app.task(
      'held',
      async (n: number) => {
        begun.open();
        await gate.passed;
        return n;
      },
      { maxConcurrency: 1 },
    );
    await stage.worker(app);
    const first = held.delay(1);
    await begun.passed;
    const second = await held.delay(2);
    await eventually(async () => (await app.queues.counts('default')).delayed).toBe(1);
    const third = held.delay(3);
    await eventually(async () => (await app.queues.counts('default')).delayed).toBe(2);
    expect(await second.revoke()).toBe(true);
    gate.open();
    expect(await first.get(soon)).toBe(1);
    expect(await third.get(soon)).toBe(3);
  });

  it('and a rate hold together', async () => {
    let running = 0;
    let most = 0;
    const both = app.task(
      'both',
      async () => {
        most = Math.max(most, (running += 1));
        await pause(60);
        running -= 1;
        return Date.now();
      },
      { rateLimit: '50/s', maxConcurrency: 1 },
    );
    await stage.worker(app);
    const moments = await Promise.all(range(6).map(() => both.delay().get(soon)));
    expect(most).toBe(1);
    expect(Math.max(...moments) - Math.min(...moments)).toBeGreaterThanOrEqual(5 * 55);
  });
});

describe('a key function that gives no text', () => {
  const bad: readonly (readonly [string, () => unknown])[] = [
    ['a promise; the function must not be async', async () => 'ann'],
    ['a promise; the function must not be async', () => Promise.reject(new Error('no user'))],
    ['{"user":"ann"}', () => ({ user: 'ann' })],
    ['5', () => 5],
    ['undefined', () => undefined],
  ];
  const wanting = (what: string, given: () => unknown): object => {
    const key = given as () => string;
    if (what === 'rateLimitKey') return { rateLimit: '1000/s', rateLimitKey: key };
    if (what === 'concurrencyKey') return { maxConcurrency: 1, concurrencyKey: key };
    return { unique: { key } };
  };

  it.each(bad)('is named: got %s', async (got, given) => {
    await stage.worker(app);
    for (const what of ['rateLimitKey', 'concurrencyKey', 'unique.key']) {
      const task = app.task(`by.${what}`, () => 'ran', wanting(what, given));
      const error = await rejection(task.delay().get(soon));
      expect(error.message).toBe(`task by.${what}: ${what} must give a string, got ${got}`);
      // The call is refused where it is made, or its run has failed.
      if (what === 'unique.key') expect(error.name).toBe('ConfigError');
      else expect(error).toMatchObject({ name: 'TaskFailedError', errorName: 'ConfigError' });
    }
  });
});

describe('limits that make no sense', () => {
  const bad: readonly (readonly [string, object])[] = [
    ['rateLimit', { rateLimit: '5/x' }],
    ['rateLimit', { rateLimit: 0 }],
    ['rateLimitKey', { rateLimitKey: () => 'a' }],
    ['rateLimitScope', { rateLimit: 1, rateLimitScope: 'galaxy' }],
    ['maxConcurrency', { maxConcurrency: 0 }],
    ['concurrencyKey', { concurrencyKey: () => 'a' }],
    ['softTimeLimit', { softTimeLimit: '2s', timeLimit: '1s' }],
    ['delivery', { delivery: 'never' }],
    ['pool', { pool: 'ocean' }],
    ['maxCrashes', { maxCrashes: 0 }],
  ];
  it.each(bad)('are refused when the task is declared: %s %o', (name, options) => {
    expect(thrown(() => app.task('bad', () => 1, options))).toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(name) as string,
    });
  });

  it.each([Number.NaN, Infinity])('are shown as they are: %s', (rateLimit) => {
    const { message } = thrown(() => app.task('bad', () => 1, { rateLimit }));
    expect(message).toMatch(new RegExp(`got ${rateLimit}$`));
  });
});
