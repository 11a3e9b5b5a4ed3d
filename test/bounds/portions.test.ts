/** What one script or command does is bounded: what is large is read and changed in portions. */
import { chain, chord, TaskRevokedError } from 'dtask';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { app } from '../behaviour/own-app.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../behaviour/rejection.js';
import { commandsOf } from '../support/command-counts.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const soon = { timeout: '20s' } as const;

describe('rules by which tasks are revoked', () => {
  const rules = (): Promise<number> => stage.redis.hlen(`${app.config.prefix}:revoked`);
  const names = (count: number): string[] => range(count).map((n) => `tenant-${n}`);

  it('are kept in portions, each once, however many there are', async () => {
    const count = await commandsOf(stage.redis, () =>
      app.control.revokeByHeaders({ tenant: names(3_000) }),
    );
    expect(await rules()).toBe(3_000);
    expect(count('hset')).toBe(3_000);
    expect(count('hgetall') + count('hvals')).toBe(0);
    expect(count('eval') + count('evalsha')).toBeLessThan(20);
  });

  it('hold, also those of the last portion', async () => {
    const ran: string[] = [];
    const note = app.task('note', (tenant: string) => void ran.push(tenant));
    await app.control.revokeByHeaders({ tenant: names(1_200) });
    await stage.worker(app);
    const send = (tenant: string): PromiseLike<unknown> =>
      note.applyAsync([tenant], { headers: { tenant } }).get(soon);
    for (const tenant of ['tenant-0', 'tenant-499', 'tenant-500', 'tenant-1199'])
      expect(await rejection(send(tenant))).toBeInstanceOf(TaskRevokedError);
    await send('tenant-1200');
    expect(ran).toEqual(['tenant-1200']);
  });

  it('are forgotten when they have ended, and go when none holds any more', async () => {
    const { prefix } = app.config;
    await app.control.revokeByHeaders({ tenant: names(700) }, { expires: '1ms' });
    await app.control.revokeByHeaders({ tenant: 'other' }, { expires: '1h' });
    await app.control.revokeByHeaders({ tenant: 'third' }, { expires: '1s' });
    expect(await rules()).toBe(2);
    for (const key of [`${prefix}:revoked`, `${prefix}:revoked:ends`]) {
      expect(await stage.redis.pttl(key)).toBeGreaterThan(3_500_000);
      expect(await stage.redis.pttl(key)).toBeLessThanOrEqual(3_600_000);
    }
  });
});

describe('a group', () => {
  it('is read in portions by what follows it', { timeout: 60_000 }, async () => {
    const double = app.task('double', (n: number) => n * 2);
    const collect = app.task('collect', (values: number[]) => values);
    await stage.worker(app);
    const count = await commandsOf(stage.redis, async () => {
      const chained = chord(
        range(2_345).map((n) => double.s(n)),
        collect.s(),
      );
      expect(await chained.delay().get({ timeout: '50s' })).toEqual(range(2_345).map((n) => n * 2));
    });
    // BullMQ reads each job by one.
    expect(count('hgetall')).toBe(2_346);
  });
});

describe('a queue', () => {
  it('of more than a portion is purged with all that follows its oldest tasks', async () => {
    const any = app.task('any', () => 1);
    const told = rejection(chain(any.s(), any.si()).delay().get(soon));
    await eventually(() => app.queues.counts('default')).toMatchObject({ waiting: 1 });
    await Promise.all(range(2_500).map(() => any.delay()));
    expect(await app.queues.purge('default')).toBe(2_501);
    expect(await told).toBeInstanceOf(TaskRevokedError);
    expect(await app.queues.counts('default')).toMatchObject({ waiting: 0 });
  });

  it('loses the tasks that are revoked, wherever they are, and keeps the order of the others', async () => {
    const any = app.task('any', (n: number) => n);
    const sent = [];
    for (const n of range(7_000)) sent.push(any.delay(n));
    const results = await Promise.all(sent);
    const gone = results.filter((_, n) => n % 70 === 0);
    const ids = gone.map(({ id }) => id);
    expect(await app.control.revoke(ids)).toMatchObject({ removed: 100, running: 0 });
    const list = await stage.redis.lrange(`${app.config.prefix}:{default}:wait`, 0, -1);
    const rest = results.map(({ id }) => id).filter((id) => !ids.includes(id));
    expect(list.reverse()).toEqual(rest);
  });
});

describe('places of a limit', () => {
  it('that become free at once are handed on by few requests each', async () => {
    const gate = new Gate();
    const held = app.task('held', () => gate.passed, { maxConcurrency: 200 });
    await stage.worker(app, { concurrency: 250 });
    const sent = range(400).map(() => held.delay());
    await eventually(() => app.queues.counts('default')).toEqual({
      ...{ waiting: 0, failed: 0 },
      ...{ active: 200, delayed: 200 },
    });
    const count = await commandsOf(stage.redis, async () => {
      gate.open();
      await Promise.all(sent.map((one) => one.get(soon)));
    });
    expect(count('evalsha')).toBeLessThan(5_000);
  });
});

describe('a rate with keys', () => {
  it('that is changed gives all keys new turns, and looks at no other key', async () => {
    const send = app.task('send', (user: string) => user, {
      rateLimit: '1/h',
      rateLimitKey: (user) => user,
    });
    await stage.worker(app);
    await Promise.all(['a', 'b'].map((user) => send.delay(user).get(soon)));
    const held = ['a', 'b'].map((user) => send.delay(user));
    await eventually(() => app.queues.counts('default')).toMatchObject({ delayed: 2 });
    const count = await commandsOf(stage.redis, () => app.control.rateLimit('send', '100/s'));
    expect(await Promise.all(held.map((one) => one.get(soon)))).toEqual(['a', 'b']);
    expect(count('scan')).toBe(0);
    // Its turns are counted from then on as ever.
    await app.control.rateLimit('send', '1/h');
    await send.delay('c').get(soon);
    await send.delay('c');
    await eventually(() => app.queues.counts('default')).toMatchObject({ delayed: 1 });
  });
});
