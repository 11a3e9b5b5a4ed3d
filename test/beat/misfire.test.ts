/** Ticks that came while no beat was there: what is made up for, and what is left out. */
import { type App, type BeatEntry, currentTask } from 'dtask';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { until } from '../support/until.js';
import { beatKey, entryThat, makeLate, startBeat, taken } from './beats.js';

const hour = 3_600_000;
const minute = 60_000;

/** An App with an entry of each minute; gives the ticks that its task has heard of. */
function byMinute(options: Partial<BeatEntry>): { app: App; heard: Date[] } {
  const app = stage.app({
    beat: { entry: { task: 'note', every: '1m', align: true, ...options } as BeatEntry },
  });
  const heard: Date[] = [];
  app.task('note', () => {
    heard.push(new Date((currentTask().headers['beat'] as { tick: string }).tick));
  });
  return { app, heard };
}

/** Lets a beat write the entry, and makes it as if none had been there since. */
async function outage(app: App, late: number): Promise<Date> {
  const beat = await startBeat(app);
  await taken(app, 'entry');
  await beat.stop();
  return makeLate(app, 'entry', late);
}

describe('after an outage of two hours', () => {
  it('one task is sent for the latest of the ticks, and the others are counted', async () => {
    const { app, heard } = byMinute({});
    const first = await outage(app, 2 * hour);
    await stage.worker(app);
    await startBeat(app);
    const { missed, lastTick } = await entryThat(app, 'entry', ({ runs }) => runs === 1);
    await eventually(() => heard).toEqual([lastTick]);
    const ticks = ((lastTick?.getTime() ?? 0) - first.getTime()) / minute + 1;
    expect(ticks).toBeGreaterThanOrEqual(119);
    // Of very many the oldest are not counted one by one.
    expect(missed).toBeGreaterThanOrEqual(15);
    expect(missed).toBeLessThan(ticks);
  });

  it("with misfire: 'all' each tick is sent, in order", async () => {
    const { app, heard } = byMinute({ misfire: 'all' });
    const first = await outage(app, 2 * hour);
    await stage.worker(app, { concurrency: 1 });
    await startBeat(app);
    const { runs, missed } = await entryThat(app, 'entry', (entry) => entry.runs >= 119);
    expect(missed).toBe(0);
    await until('all have run', () => heard.length >= runs);
    expect(heard.slice(0, runs)).toEqual(
      Array.from({ length: runs }, (_, at) => new Date(first.getTime() + at * minute)),
    );
  });

  it("with misfire: 'all' no more than the latest 1,000 are sent", async () => {
    const { app } = byMinute({ misfire: 'all' });
    const first = await outage(app, 30 * hour);
    await startBeat(app);
    const { runs, missed, lastTick } = await entryThat(
      app,
      'entry',
      ({ next }) => next !== undefined && next.getTime() > Date.now(),
    );
    expect(runs).toBe(1_000);
    expect(runs + missed).toBe(((lastTick?.getTime() ?? 0) - first.getTime()) / minute + 1);
    expect((await app.queues.counts('default')).waiting).toBe(1_000);
  });

  it("with misfire: 'skip' nothing is sent, and the next tick is in the future", async () => {
    const { app } = byMinute({ misfire: 'skip' });
    await outage(app, 2 * hour);
    await startBeat(app);
    const entry = await entryThat(app, 'entry', ({ missed }) => missed > 0);
    // A tick may come while the test runs, or may be but late.
    expect(entry.runs).toBeLessThanOrEqual(1);
    expect(entry.missed).toBeGreaterThanOrEqual(15);
    expect(entry.next?.getTime()).toBeGreaterThan(Date.now() - minute);
  });

  it('a deadline that has passed leaves the tick out', async () => {
    const app = stage.app({
      beat: { entry: { task: 'note', cron: '0 0 1 1 *', deadline: '10m' } },
    });
    const { next } = await (async () => {
      const beat = await startBeat(app);
      const entry = await taken(app, 'entry');
      await beat.stop();
      return entry;
    })();
    await makeLate(app, 'entry', (next?.getTime() ?? 0) - Date.now() + 20 * minute);
    await startBeat(app);
    const entry = await entryThat(app, 'entry', ({ missed }) => missed === 1);
    expect(entry).toMatchObject({ runs: 0, next });
  });

  it('one within its deadline is sent', async () => {
    const app = stage.app({
      beat: { entry: { task: 'note', cron: '0 0 1 1 *', deadline: '1h' } },
    });
    const beat = await startBeat(app);
    const { next } = await taken(app, 'entry');
    await beat.stop();
    await makeLate(app, 'entry', (next?.getTime() ?? 0) - Date.now() + 20 * minute);
    await startBeat(app);
    expect(await entryThat(app, 'entry', ({ runs }) => runs === 1)).toMatchObject({ missed: 0 });
  });

  it('a limit counts what is made up for', async () => {
    const { app } = byMinute({ misfire: 'all', limit: 5 });
    await outage(app, 2 * hour);
    await startBeat(app);
    const entry = await entryThat(app, 'entry', ({ runs }) => runs > 0);
    expect(entry).toMatchObject({ runs: 5, next: undefined });
  });
});

describe('after a gap of some seconds, as when a beat is replaced', () => {
  it.each(['once', 'skip', 'all'] as const)(
    "with misfire: '%s' no tick is missed",
    async (misfire) => {
      const app = stage.app({
        beat: { entry: { task: 'note', every: '1s', align: true, misfire } },
      });
      const heard: string[] = [];
      app.task('note', () => {
        heard.push((currentTask().headers['beat'] as { tick: string }).tick);
      });
      await outage(app, 8_000);
      await stage.worker(app);
      await startBeat(app);
      await entryThat(app, 'entry', ({ runs }) => runs >= 10);
      await eventually(() => heard.length).toBeGreaterThanOrEqual(10);
      const ticks = heard.map((tick) => Date.parse(tick)).toSorted((a, b) => a - b);
      expect(ticks.slice(0, 10)).toEqual(
        Array.from({ length: 10 }, (_, at) => (ticks[0] ?? 0) + at * 1_000),
      );
      expect(await app.beat.get('entry')).toMatchObject({ missed: 0 });
    },
  );
});

it('no tick is missed while some beat is there, however many die one after the other', async () => {
  const app = stage.app({ beat: { entry: { task: 'note', every: '1s', align: true } } });
  const heard: number[] = [];
  app.task('note', () => {
    heard.push(Date.parse((currentTask().headers['beat'] as { tick: string }).tick));
  });
  await outage(app, 40_000);
  // None of them has come so far as to note a tick.
  await stage.redis.set(beatKey(app, 'since'), Date.now() - 45_000);
  await stage.worker(app);
  await startBeat(app);
  await eventually(() => heard.length).toBeGreaterThanOrEqual(40);
  const ticks = heard.toSorted((a, b) => a - b);
  expect(ticks).toEqual(ticks.map((_tick, at) => (ticks[0] ?? 0) + at * 1_000));
  expect((await taken(app, 'entry')).missed).toBe(0);
});

it('a clock that is set back repeats nothing', async () => {
  const { app, heard } = byMinute({ every: '200ms', align: false });
  await stage.worker(app);
  const beat = await startBeat(app);
  await eventually(() => heard.length).toBeGreaterThanOrEqual(3);
  await beat.stop();
  // As if the server's clock had been set back an hour: what is due is an hour ahead.
  await makeLate(app, 'entry', -hour);
  const { runs } = await taken(app, 'entry');
  await startBeat(app);
  await eventually(() => stage.redis.exists(beatKey(app, 'lease'))).toBe(1);
  expect((await taken(app, 'entry')).runs).toBe(runs);
  expect(new Set(heard.map(Number)).size).toBe(heard.length);
});
