/** Entries of the code: where they are declared, what they send, and what reaches the task. */
import {
  type App,
  type AppOptions,
  chain,
  ConfigError,
  crontab,
  currentTask,
  every,
  group,
  RegistryError,
  schedule,
} from 'dtask';
import { expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { thrown } from '../behaviour/rejection.js';
import { entryThat, startBeat, taken } from './beats.js';

interface Heard {
  readonly id: string;
  readonly args: readonly unknown[];
  readonly queue: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** An App whose task `note` says what reached it. */
function listening(options: AppOptions = {}): { app: App; heard: Heard[] } {
  const app = stage.app(options);
  const heard: Heard[] = [];
  app.task('note', (...args: unknown[]) => {
    const { id, queue, headers } = currentTask();
    heard.push({ id, args, queue, headers });
    return args[0];
  });
  app.task('add', (x: number, y: number) => x + y);
  app.task('sum', (list: number[]) => list.reduce((a, b) => a + b, 0));
  return { app, heard };
}

it('an entry of the App option sends its task at each tick, with its arguments, queue and headers', async () => {
  const { app, heard } = listening({
    beat: {
      tock: {
        task: 'note',
        args: ['a', new Date(5), 7n],
        every: '200ms',
        queue: 'clocks',
        priority: 3,
        headers: { tenant: 'acme' },
      },
    },
  });
  await stage.worker(app, { queues: ['clocks'] });
  await startBeat(app);
  await eventually(() => heard.length).toBeGreaterThanOrEqual(4);
  for (const { args, queue, headers } of heard) {
    expect({ args, queue }).toEqual({ args: ['a', new Date(5), 7n], queue: 'clocks' });
    expect(headers).toEqual({ tenant: 'acme', beat: { entry: 'tock', tick: expect.any(String) } });
  }
  const ticks = heard.map(({ headers }) => Date.parse((headers['beat'] as { tick: string }).tick));
  expect(new Set(heard.map(({ id }) => id)).size).toBe(heard.length);
  // Each tick is there, a period after the one before.
  expect(ticks.map((tick) => tick - (ticks[0] ?? 0))).toEqual(ticks.map((_tick, at) => at * 200));
});

it('the first tick of a fixed rate comes one period after the entry was first seen', async () => {
  const { app } = listening({ beat: { hourly: { task: 'note', every: '1h' } } });
  const before = Date.now();
  await startBeat(app);
  const { next, runs } = await taken(app, 'hourly');
  expect(runs).toBe(0);
  expect(next?.getTime()).toBeGreaterThanOrEqual(before + 3_600_000 - 1_000);
  expect(next?.getTime()).toBeLessThanOrEqual(Date.now() + 3_600_000 + 1_000);
});

it('addPeriodicTask takes a schedule, a task or a canvas, and a name', async () => {
  const { app, heard } = listening();
  const add = app.signature('add', [1, 2]);
  app.addPeriodicTask(every('150ms'), app.signature('note', ['bound']));
  app.addPeriodicTask(every('150ms'), chain(add, app.signature('note')), { name: 'chained' });
  expect(
    thrown(() => app.addPeriodicTask(every('1s'), chain(add, app.signature('note')))),
  ).toBeInstanceOf(ConfigError);
  expect(thrown(() => app.addPeriodicTask(every('1s'), app.signature('note')))).toBeInstanceOf(
    RegistryError,
  );
  await stage.worker(app);
  await startBeat(app);
  const seen = (value: unknown) => (): number =>
    heard.filter(({ args }) => args[0] === value).length;
  await eventually(seen('bound')).toBeGreaterThanOrEqual(2);
  await eventually(seen(3)).toBeGreaterThanOrEqual(2);
  const names = (await app.beat.list()).map(({ name, task }) => [name, task]);
  expect(names).toEqual([
    ['chained', 'chain(add, note)'],
    ['note', 'note'],
  ]);
});

it('a chord and a group are sent at each tick, and lastId is the id of their end', async () => {
  const { app } = listening();
  const parts = () => [app.signature('add', [1, 1]), app.signature('add', [2, 2])];
  app.addPeriodicTask(every('200ms'), chain(group(...parts()), app.signature('sum')), {
    name: 'chord',
  });
  app.addPeriodicTask(every('200ms'), group(...parts()), { name: 'group' });
  await stage.worker(app);
  await startBeat(app);
  const { lastId = '' } = await entryThat(app, 'chord', ({ runs }) => runs >= 2);
  expect(await app.result(lastId).get({ timeout: '10s' })).toBe(6);
  await entryThat(app, 'group', ({ runs }) => runs >= 2);
});

it('a decorated method with a schedule is an entry under the name of its task', async () => {
  const app = stage.app();
  let runs = 0;
  class Reports {
    @app.task({ name: 'reports.daily', every: '150ms' })
    static daily(): void {
      runs += 1;
    }
    @app.task({ name: 'reports.weekly', cron: '0 9 * * mon', timezone: 'Europe/Paris' })
    static weekly(): void {
      runs += 100;
    }
  }
  expect(Reports.daily.name).toBe('reports.daily');
  await stage.worker(app);
  await startBeat(app);
  await eventually(() => runs).toBeGreaterThanOrEqual(2);
  expect(await app.beat.get('reports.weekly')).toMatchObject({ source: 'code', runs: 0 });
});

it('an args function is asked at each tick; one that fails holds no other entry up', async () => {
  let count = 0;
  const { app, heard } = listening({
    beat: {
      late: { task: 'note', every: '150ms', args: () => [(count += 1)] },
      broken: {
        task: 'note',
        every: '150ms',
        args: () => {
          throw new Error('no arguments today');
        },
      },
      nonsense: { task: 'note', every: '150ms', args: (() => 'text') as never },
    },
  });
  await stage.worker(app);
  await startBeat(app);
  await eventually(() => heard.length).toBeGreaterThanOrEqual(3);
  expect(heard.slice(0, 3).map(({ args }) => args)).toEqual([[1], [2], [3]]);
  const { error } = await entryThat(app, 'broken', (entry) => entry.error !== undefined);
  expect(error).toContain('no arguments today');
  const { error: other, runs } = await entryThat(app, 'nonsense', (entry) => Boolean(entry.error));
  expect(other).toContain('must give an array');
  expect(runs).toBe(0);
});

it('what is too large to be sent shows in the list, and the others go on', async () => {
  const { app, heard } = listening({
    maxPayload: 2_000,
    beat: {
      large: { task: 'note', every: '150ms', args: () => ['x'.repeat(5_000)] },
      small: { task: 'note', every: '150ms', args: ['y'] },
    },
  });
  await stage.worker(app);
  await startBeat(app);
  await eventually(() => heard.length).toBeGreaterThanOrEqual(3);
  expect(heard.every(({ args }) => args[0] === 'y')).toBe(true);
  const { error } = await entryThat(app, 'large', (entry) => entry.error !== undefined);
  expect(error).toMatch(/large|bytes|maxPayload/);
});

it('a schedule of your own is asked; one that throws or gives nonsense shows in the list', async () => {
  const mine = schedule((after) => new Date(after.getTime() + 200), { name: 'mine' });
  const throwing = schedule(
    () => {
      throw new Error('the moon is away');
    },
    { name: 'throwing' },
  );
  const backwards = schedule((after) => new Date(after.getTime() - 1), { name: 'backwards' });
  const { app, heard } = listening();
  app.addPeriodicTask(mine, app.signature('note', ['mine']), { name: 'mine' });
  app.addPeriodicTask(throwing, 'note', { name: 'throwing' });
  app.addPeriodicTask(backwards, 'note', { name: 'backwards' });
  await stage.worker(app);
  await startBeat(app);
  await eventually(() => heard.length).toBeGreaterThanOrEqual(3);
  expect(await app.beat.get('mine')).toMatchObject({ schedule: 'schedule mine' });
  expect((await taken(app, 'throwing')).error).toContain('the moon is away');
  expect((await taken(app, 'backwards')).error).toContain('must be later');
});

it('a schedule of your own that fails later on keeps its tick, and the others go on', async () => {
  let fails = false;
  const moody = schedule((after) => {
    if (fails) throw new Error('not today');
    return new Date(Math.floor(after.getTime() / 200) * 200 + 200);
  });
  const { app, heard } = listening({
    beat: { steady: { task: 'note', every: '200ms', args: [1] } },
  });
  app.addPeriodicTask(moody, app.signature('note', [2]), { name: 'moody' });
  await stage.worker(app);
  await startBeat(app);
  const of = (what: number) => (): number => heard.filter(({ args }) => args[0] === what).length;
  await eventually(of(2)).toBeGreaterThanOrEqual(1);
  fails = true;
  const { next } = await entryThat(app, 'moody', ({ error }) => error !== undefined);
  expect(next).toBeInstanceOf(Date);
  const before = of(1)();
  await eventually(of(1)).toBeGreaterThanOrEqual(before + 3);
});

it('start, end and limit bound an entry, and one that is done stays in the list', async () => {
  const at = Date.now();
  const { app, heard } = listening({
    beat: {
      thrice: { task: 'note', args: ['thrice'], every: '150ms', limit: 3 },
      over: { task: 'note', every: '1s', end: new Date(at - 1_000) },
      later: { task: 'note', every: '1s', start: new Date(at + 3_600_000) },
    },
  });
  await stage.worker(app);
  await startBeat(app);
  const { runs, next } = await entryThat(app, 'thrice', (entry) => entry.next === undefined);
  expect({ runs, next }).toEqual({ runs: 3, next: undefined });
  await eventually(() => heard.length).toBe(3);
  expect(await app.beat.get('over')).toMatchObject({ next: undefined, runs: 0 });
  // A fixed rate has its first tick at its start.
  expect(await app.beat.get('later')).toMatchObject({ next: new Date(at + 3_600_000) });
});

it('jitter sends later than the tick and ahead of the next one, the same in every process', async () => {
  const make = (prefix?: string): App =>
    listening({
      ...(prefix !== undefined && { prefix }),
      beat: { spread: { task: 'note', every: '1h', align: true, jitter: '30m' } },
    }).app;
  const app = make();
  await startBeat(app);
  const { next } = await taken(app, 'spread');
  const other = make();
  await startBeat(other);
  expect((await taken(other, 'spread')).next).toEqual(next);
  expect((next?.getTime() ?? 0) % 3_600_000).toBeLessThan(1_800_000);
});

it('a cron entry without a time zone has that of its App, and its own where it names one', async () => {
  const { app } = listening({
    timezone: 'Asia/Tokyo',
    beat: {
      tokyo: { task: 'note', cron: '0 9 * * *' },
      paris: {
        task: 'note',
        schedule: crontab({ minute: 0, hour: 9 }, { timezone: 'Europe/Paris' }),
      },
    },
  });
  await startBeat(app);
  const hours = new Intl.DateTimeFormat('en', {
    hour: 'numeric',
    hourCycle: 'h23',
    timeZone: 'UTC',
  });
  expect(hours.format((await taken(app, 'tokyo')).next)).toBe('00');
  expect(hours.format((await taken(app, 'paris')).next)).toMatch(/^0[78]$/);
});

it('expires reaches the task: a tick that waited too long is not run', async () => {
  const { app, heard } = listening({
    beat: { brief: { task: 'note', every: '150ms', limit: 2, expires: '100ms' } },
  });
  await startBeat(app);
  const { lastId = '' } = await entryThat(app, 'brief', ({ runs }) => runs === 2);
  await new Promise((resolve) => setTimeout(resolve, 150));
  await stage.worker(app);
  await eventually(() => app.result(lastId).state()).toBe('REVOKED');
  expect(heard).toEqual([]);
});

it('a unique entry is not piled up while its first task waits, and lastId is that one', async () => {
  const { app, heard } = listening({
    beat: { sole: { task: 'note', every: '150ms', limit: 4, unique: true } },
  });
  await startBeat(app);
  const first = await entryThat(app, 'sole', ({ runs }) => runs >= 1);
  const last = await entryThat(app, 'sole', ({ runs }) => runs === 4);
  expect(last.lastId).toBe(first.lastId);
  expect((await app.queues.counts('default')).waiting).toBe(1);
  await stage.worker(app);
  await eventually(() => heard.length).toBe(1);
});

it('a broadcast tick reaches every worker, once', async () => {
  const heard: string[] = [];
  const make = (prefix?: string): App => {
    const app = stage.app({
      ...(prefix !== undefined && { prefix }),
      broadcast: ['all'],
      beat: { shout: { task: 'shout', every: '300ms', queue: 'all', limit: 3 } },
    });
    app.task('shout', () => {
      const { worker, headers } = currentTask();
      heard.push(`${worker} ${(headers['beat'] as { tick: string }).tick}`);
    });
    return app;
  };
  const app = make();
  await stage.worker(make(app.config.prefix), { name: 'one' });
  await stage.worker(make(app.config.prefix), { name: 'two' });
  await startBeat(app);
  await eventually(() => heard.length).toBe(6);
  expect(new Set(heard).size).toBe(6);
  expect((await taken(app, 'shout')).error).toBeUndefined();
});
