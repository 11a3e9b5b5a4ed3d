/** Entries at run time: added, changed, paused, resumed, removed, run, by `app.beat`. */
import { type App, type AppOptions, ConfigError, currentTask, once, schedule } from 'dtask';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../support/until.js';
import { beatKey, entryThat, makeLate, startBeat, taken } from './beats.js';

function listening(options: AppOptions = {}): { app: App; heard: unknown[] } {
  const app = stage.app(options);
  const heard: unknown[] = [];
  app.task('note', (what: unknown) => void heard.push(what));
  return { app, heard };
}

describe('add', () => {
  it('an entry is taken up by a beat that runs, and by one that starts later', async () => {
    const { app, heard } = listening();
    await stage.worker(app);
    await app.beat.add('early', { task: 'note', args: ['early'], every: '150ms' });
    await startBeat(app);
    await app.beat.add('late', { task: 'note', args: ['late'], every: '150ms' });
    await eventually(() => heard).toContain('early');
    await eventually(() => heard).toContain('late');
    expect(await app.beat.get('late')).toMatchObject({ source: 'runtime', changed: false });
  });

  it('a date ticks once, and one that has passed is refused', async () => {
    const { app, heard } = listening();
    await stage.worker(app);
    await startBeat(app);
    const soon = new Date(Date.now() + 400);
    await app.beat.add('soon', { task: 'note', args: [1], schedule: once(soon) });
    const { lastTick, runs } = await entryThat(app, 'soon', ({ next }) => next === undefined);
    expect({ lastTick, runs }).toEqual({ lastTick: soon, runs: 1 });
    await eventually(() => heard).toEqual([1]);
    const past = { task: 'note', schedule: once(new Date(Date.now() - 60_000)) };
    const error = await rejection(app.beat.add('past', past));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain('never fire');
    expect(await app.beat.get('past')).toBeUndefined();
  });

  it('functions are refused, with what to do instead', async () => {
    const { app } = listening();
    const args = { task: 'note', every: '1m', args: () => [1] } as const;
    const own = { task: 'note', schedule: schedule((after) => new Date(after.getTime() + 1_000)) };
    const key = { task: 'note', every: '1m', unique: { key: () => 'k' } } as const;
    for (const [entry, what] of [
      [args, 'args'],
      [own, 'schedule'],
      [key, 'unique.key'],
    ] as const) {
      const error = await rejection(app.beat.add('fn', entry));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toContain(`${what} is a function, which cannot be stored`);
    }
    expect(await app.beat.list()).toEqual([]);
  });

  it('a name that is taken is refused, also where many add it at once', async () => {
    const { app } = listening({ beat: { coded: { task: 'note', every: '1h' } } });
    await startBeat(app);
    await taken(app, 'coded');
    const entry = { task: 'note', every: '1h' } as const;
    expect((await rejection(app.beat.add('coded', entry))).message).toContain('in the code');
    const fates = await Promise.allSettled(
      Array.from({ length: 8 }, () => app.beat.add('new', entry)),
    );
    expect(fates.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    ['no schedule', { task: 'note' }, /every, cron/],
    ['a wrong option', { task: 'note', every: '1m', evry: 1 }, /evry/],
    ['a wrong name of a zone', { task: 'note', cron: '* * * * *', timezone: 'Mars/One' }, /Mars/],
    ['a wrong overlap', { task: 'note', every: '1m', overlap: 'pile' }, /queue, skip, replace/],
  ])('an entry with %s is refused', async (_what, entry, message) => {
    const { app } = listening();
    const error = await rejection(app.beat.add('wrong', entry as never));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
  });
});

describe('pause and resume', () => {
  it('a paused entry sends nothing, and ticks that came meanwhile are not made up for', async () => {
    const { app, heard } = listening({
      beat: { entry: { task: 'note', every: '200ms', misfire: 'all' } },
    });
    await stage.worker(app);
    await startBeat(app);
    await eventually(() => heard.length).toBeGreaterThanOrEqual(1);
    const paused = await app.beat.pause('entry');
    expect(paused).toMatchObject({ paused: true, next: undefined });
    await makeLate(app, 'entry', 3_600_000);
    const { runs } = await taken(app, 'entry');
    const resumed = await app.beat.resume('entry');
    expect(resumed.paused).toBe(false);
    const after = await entryThat(app, 'entry', (entry) => entry.runs >= runs + 2);
    expect(after.missed).toBe(0);
    expect(after.runs).toBeLessThan(runs + 20);
  });

  it('pausing twice and resuming twice is as once', async () => {
    const { app } = listening();
    await app.beat.add('entry', { task: 'note', every: '1h' });
    const { next } = await taken(app, 'entry');
    await app.beat.pause('entry');
    await app.beat.pause('entry');
    await app.beat.resume('entry');
    expect(await app.beat.resume('entry')).toMatchObject({ paused: false, next });
  });
});

describe('change', () => {
  it('a new schedule counts from now on, and options can be taken back', async () => {
    const { app, heard } = listening();
    await stage.worker(app);
    await startBeat(app);
    await app.beat.add('entry', { task: 'note', args: ['old'], cron: '0 0 1 1 *', limit: 5 });
    await app.beat.change('entry', { every: '150ms', args: ['new'], limit: undefined });
    await eventually(() => heard.length).toBeGreaterThanOrEqual(6);
    expect(new Set(heard)).toEqual(new Set(['new']));
  });

  it('changed arguments reach the tick that is due already, which is sent once', async () => {
    const { app, heard } = listening({ beat: { entry: { task: 'note', cron: '0 0 1 1 *' } } });
    const beat = await startBeat(app);
    await taken(app, 'entry');
    await beat.stop();
    const { next } = await taken(app, 'entry');
    await makeLate(app, 'entry', (next?.getTime() ?? 0) - Date.now() + 500);
    await app.beat.change('entry', { args: ['changed'] });
    await stage.worker(app);
    await startBeat(app);
    const { runs } = await entryThat(app, 'entry', (entry) => entry.runs > 0);
    expect(runs).toBe(1);
    await eventually(() => heard).toEqual(['changed']);
  });

  it('changes that are made at the same time all hold', async () => {
    const { app } = listening();
    await app.beat.add('entry', { task: 'note', every: '1h' });
    await Promise.all([
      app.beat.change('entry', { args: [1] }),
      app.beat.change('entry', { queue: 'other' }),
      app.beat.change('entry', { overlap: 'skip' }),
      app.beat.change('entry', { priority: 5 }),
      app.beat.pause('entry'),
    ]);
    const { entry, overlap, paused } = await taken(app, 'entry');
    expect({ overlap, paused }).toEqual({ overlap: 'skip', paused: true });
    expect(entry).toMatchObject({ args: [1], call: { queue: 'other', priority: 5 } });
  });

  it('what is not there cannot be changed, paused, resumed, removed or run', async () => {
    const { app } = listening();
    for (const act of [
      () => app.beat.change('none', { args: [] }),
      () => app.beat.pause('none'),
      () => app.beat.resume('none'),
      () => app.beat.remove('none'),
      () => app.beat.run('none'),
    ]) {
      const error = await rejection(act());
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toContain('there is no beat entry none');
    }
  });
});

describe('remove', () => {
  it('an entry of run time is gone for good', async () => {
    const { app, heard } = listening();
    await stage.worker(app);
    await startBeat(app);
    await app.beat.add('entry', { task: 'note', every: '150ms' });
    await eventually(() => heard.length).toBeGreaterThanOrEqual(1);
    await app.beat.remove('entry');
    expect(await app.beat.list()).toEqual([]);
    expect(await stage.redis.zcard(beatKey(app, 'due'))).toBe(0);
  });

  it('an entry of the code is refused', async () => {
    const { app } = listening({ beat: { coded: { task: 'note', every: '1h' } } });
    await startBeat(app);
    await taken(app, 'coded');
    expect((await rejection(app.beat.remove('coded'))).message).toContain('is in the code');
  });

  it('an entry of the code comes up when the one of run time is gone that had its name', async () => {
    const { app } = listening({ beat: { shared: { task: 'note', every: '1h' } } });
    await app.beat.add('shared', { task: 'note', every: '2h' });
    await startBeat(app);
    await eventually(() => stage.redis.exists(beatKey(app, 'applied'))).toBe(1);
    expect(await app.beat.get('shared')).toMatchObject({ source: 'runtime' });
    await app.beat.remove('shared');
    await entryThat(app, 'shared', ({ source }) => source === 'code');
  });
});

describe('run', () => {
  it('sends now, beside the schedule, also what is paused, and gives the result', async () => {
    const { app } = listening();
    app.task('say', () => [currentTask().headers['beat'], 42]);
    await stage.worker(app);
    await app.beat.add('entry', { task: 'say', cron: '0 0 1 1 *' });
    const { next } = await app.beat.pause('entry').then(() => app.beat.resume('entry'));
    await app.beat.pause('entry');
    const result = await app.beat.run('entry');
    expect(await result.get({ timeout: '10s' })).toEqual([{ entry: 'entry' }, 42]);
    expect(await app.beat.get('entry')).toMatchObject({ runs: 1, lastId: result.id, paused: true });
    expect((await app.beat.resume('entry')).next).toEqual(next);
  });

  it('counts for overlap: a tick is skipped while what was run still waits', async () => {
    const { app } = listening();
    await app.beat.add('entry', { task: 'note', every: '300ms', overlap: 'skip' });
    await app.beat.run('entry');
    await startBeat(app);
    const { runs } = await entryThat(app, 'entry', ({ skipped }) => skipped >= 2);
    expect(runs).toBe(1);
  });
});
