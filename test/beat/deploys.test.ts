/** Deploys: which code's entries count while processes of several versions run. */
import { type App, type BeatEntry, currentTask } from 'dtask';
import type { Beat } from 'dtask/worker';
import { describe, expect, it } from 'vitest';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { beatKey, entryThat, startBeat, taken } from './beats.js';

type Entries = Readonly<Record<string, BeatEntry>>;

const hourly = { task: 'note', every: '1h' } as const;

/** Versions of one App's code, in processes of their own as far as Redis can tell. */
function versions(): (beat: Entries, more?: { timezone?: string }) => App {
  let prefix: string | undefined;
  return (beat, more = {}) => {
    const app = stage.app({ beat, ...more, ...(prefix !== undefined && { prefix }) });
    app.task('note', (what: unknown) => what);
    prefix ??= app.config.prefix;
    return app;
  };
}

const names = async (app: App): Promise<string[]> =>
  (await app.beat.list()).map(({ name }) => name);

/** Ends a beat as a crash does: nothing is given up. */
async function crash(beat: Beat, app: App): Promise<void> {
  const kept = await Promise.all([
    stage.redis.zscore(beatKey(app, 'beats'), beat.id),
    stage.redis.hget(beatKey(app, 'codes'), beat.id),
  ]);
  await beat.stop();
  await stage.redis.zadd(beatKey(app, 'beats'), kept[0] ?? 0, beat.id);
  await stage.redis.hset(beatKey(app, 'codes'), beat.id, kept[1] ?? '');
}

it('an entry that left the code is removed, one that came is added, the others stay as they are', async () => {
  const make = versions();
  const old = make({ leaves: hourly, stays: { task: 'note', every: '150ms' } });
  const before = await startBeat(old);
  const { runs } = await entryThat(old, 'stays', (entry) => entry.runs >= 2);
  await before.stop();
  const app = make({ stays: { task: 'note', every: '150ms' }, comes: hourly });
  await startBeat(app);
  await eventually(() => names(app)).toEqual(['comes', 'stays']);
  expect((await taken(app, 'stays')).runs).toBeGreaterThanOrEqual(runs);
});

it('entries of run time outlive deploys, and a code without entries removes all others', async () => {
  const make = versions();
  const old = make({ a: hourly, b: hourly });
  const before = await startBeat(old);
  await taken(old, 'b');
  await old.beat.add('mine', hourly);
  await before.stop();
  const app = make({});
  await startBeat(app);
  await eventually(() => names(app)).toEqual(['mine']);
});

describe('two versions at once', () => {
  it('the newer one counts, and they do not fight over it', async () => {
    const make = versions();
    const old = make({ entry: { ...hourly, args: ['old'] }, gone: hourly });
    await startBeat(old);
    await taken(old, 'gone');
    const app = make({ entry: { ...hourly, args: ['new'] } });
    await startBeat(app);
    await eventually(() => names(app)).toEqual(['entry']);
    const { entry } = await taken(app, 'entry');
    expect(entry).toMatchObject({ args: ['new'] });
    const text = await stage.redis.hgetall(beatKey(app, 'states'));
    const applied = await stage.redis.get(beatKey(app, 'applied'));
    // More than three turns of each: what they would fight over would have changed by then.
    for (let look = 0; look < 40; look += 1) {
      expect(await stage.redis.get(beatKey(app, 'applied'))).toBe(applied);
      expect(await stage.redis.hgetall(beatKey(app, 'states'))).toEqual(text);
      await delay(90);
    }
  });

  it('an old process that starts again changes nothing', async () => {
    const make = versions();
    const first = await startBeat(make({ entry: { ...hourly, args: ['old'] } }));
    const app = make({ entry: { ...hourly, args: ['new'] } });
    await startBeat(app);
    await entryThat(app, 'entry', ({ entry }) => entry?.args?.[0] === 'new');
    await first.stop();
    await startBeat(make({ entry: { ...hourly, args: ['old'] } }));
    for (let look = 0; look < 25; look += 1) {
      expect((await taken(app, 'entry')).entry).toMatchObject({ args: ['new'] });
      await delay(90);
    }
  });

  it('a rollback counts as soon as the newer beats have stopped', async () => {
    const make = versions();
    const app = make({ entry: { ...hourly, args: ['old'] } });
    await startBeat(app);
    const newer = await startBeat(make({ entry: { ...hourly, args: ['new'] } }));
    await entryThat(app, 'entry', ({ entry }) => entry?.args?.[0] === 'new');
    await newer.stop();
    await entryThat(app, 'entry', ({ entry }) => entry?.args?.[0] === 'old');
  });

  it('and some seconds after they were killed', async () => {
    const make = versions();
    const app = make({ entry: { ...hourly, args: ['old'] } });
    await startBeat(app);
    const newer = await startBeat(make({ entry: { ...hourly, args: ['new'] } }));
    await entryThat(app, 'entry', ({ entry }) => entry?.args?.[0] === 'new');
    await crash(newer, app);
    await entryThat(app, 'entry', ({ entry }) => entry?.args?.[0] === 'old');
  });

  it('ticks go on while one version takes over from the other, each once', async () => {
    const make = versions();
    const ticking = { entry: { task: 'tock', every: '200ms' } } as const;
    const heard: string[] = [];
    const app = make(ticking);
    app.task('tock', () => {
      heard.push((currentTask().headers['beat'] as { tick: string }).tick);
    });
    await stage.worker(app);
    const old = await startBeat(app);
    await eventually(() => heard.length).toBeGreaterThanOrEqual(3);
    await startBeat(make({ ...ticking, more: hourly }));
    await taken(app, 'more');
    const before = heard.length;
    await eventually(() => heard.length).toBeGreaterThanOrEqual(before + 3);
    await old.stop();
    await eventually(() => heard.length).toBeGreaterThanOrEqual(before + 6);
    const ticks = heard.map((tick) => Date.parse(tick));
    expect(ticks.map((tick) => tick - (ticks[0] ?? 0))).toEqual(ticks.map((_tick, at) => at * 200));
  });
});

it('what is paused stays paused across deploys, also where its schedule changed', async () => {
  const make = versions();
  const old = make({ entry: hourly, other: hourly });
  const before = await startBeat(old);
  await taken(old, 'entry');
  await old.beat.pause('entry');
  await before.stop();
  const app = make({ entry: { task: 'note', every: '2h' }, other: hourly, more: hourly });
  await startBeat(app);
  await taken(app, 'more');
  expect(await app.beat.get('entry')).toMatchObject({ paused: true, schedule: 'every 2h' });
  expect((await app.beat.resume('entry')).next).toBeInstanceOf(Date);
});

it('what was changed at run time stays changed until the code itself says something else', async () => {
  const make = versions();
  const old = make({ entry: { ...hourly, args: ['code'] } });
  const before = await startBeat(old);
  await taken(old, 'entry');
  await old.beat.change('entry', { args: ['changed'] });
  await before.stop();
  const second = make({ entry: { ...hourly, args: ['code'] }, more: hourly });
  const beat = await startBeat(second);
  await taken(second, 'more');
  const kept = await taken(second, 'entry');
  expect(kept).toMatchObject({ changed: true, entry: { args: ['changed'] } });
  await beat.stop();
  const app = make({ entry: { ...hourly, args: ['new code'] } });
  await startBeat(app);
  const entry = await entryThat(app, 'entry', ({ changed }) => !changed);
  expect(entry.entry).toMatchObject({ args: ['new code'] });
});

it('a new time zone of the App moves the next tick of entries that have none of their own', async () => {
  const make = versions();
  const daily = { entry: { task: 'note', cron: '0 9 * * *' } } as const;
  const old = make(daily);
  const before = await startBeat(old);
  const { next } = await taken(old, 'entry');
  await before.stop();
  const app = make(daily, { timezone: 'Asia/Tokyo' });
  await startBeat(app);
  const moved = await entryThat(app, 'entry', (entry) => entry.next?.getTime() !== next?.getTime());
  expect(moved.next?.toISOString()).toContain('T00:00:00.000Z');
});

it('of two beats that stop in turn the other one takes over at once', async () => {
  const make = versions();
  const ticking = { entry: { task: 'note', every: '200ms' } } as const;
  const app = make(ticking);
  const [one, two] = [await startBeat(app), await startBeat(make(ticking))];
  await entryThat(app, 'entry', ({ runs }) => runs >= 2);
  const lease = await stage.redis.get(beatKey(app, 'lease'));
  const [leader, other] = lease === one.id ? [one, two] : [two, one];
  await leader.stop();
  await eventually(() => stage.redis.get(beatKey(app, 'lease'))).toBe(other.id);
  const { runs } = await taken(app, 'entry');
  expect((await entryThat(app, 'entry', (entry) => entry.runs >= runs + 3)).missed).toBe(0);
});
