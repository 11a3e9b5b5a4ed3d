/** Damaged data in the entries' keys: one of them holds no other up, and the code's own heal. */
import type { App, AppOptions } from 'dtask';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { beatKey, entryThat, startBeat, taken } from './beats.js';

function listening(options: AppOptions = {}): { app: App; heard: unknown[] } {
  const app = stage.app({
    beat: {
      broken: { task: 'note', args: ['broken'], every: '150ms' },
      whole: { task: 'note', args: ['whole'], every: '150ms' },
    },
    ...options,
  });
  const heard: unknown[] = [];
  app.task('note', (what: unknown) => void heard.push(what));
  return { app, heard };
}

/** Resolves when as many more runs of `what` were heard of. */
async function goesOn(heard: readonly unknown[], what: string, more = 3): Promise<void> {
  const count = (): number => heard.filter((one) => one === what).length;
  const before = count();
  await eventually(count).toBeGreaterThanOrEqual(before + more);
}

const garbage = [
  ['no JSON', '{"rev":'],
  ['bytes', Buffer.from([0xff, 0xfe, 0x00, 0xc3])],
  ['null', 'null'],
  ['a list', '[1,2]'],
  ['a state of another shape', '{"rev":"1","born":null}'],
  [
    'times that are none',
    '{"rev":1,"born":1,"ticks":0,"runs":0,"skipped":0,"missed":0,"tick":1e99}',
  ],
] as const;

describe.each(garbage)('a state that is %s', (_what, text) => {
  it('of the code is written anew, and the other entries go on', async () => {
    const { app, heard } = listening();
    await stage.worker(app);
    await startBeat(app);
    await goesOn(heard, 'broken', 1);
    await stage.redis.hset(beatKey(app, 'states'), 'broken', text);
    await goesOn(heard, 'whole');
    await goesOn(heard, 'broken');
    expect(await app.beat.get('broken')).toMatchObject({ source: 'code', error: undefined });
  });

  it('of an entry of run time shows in the list, and can be removed and added again', async () => {
    const { app, heard } = listening({ beat: {} });
    await stage.worker(app);
    await startBeat(app);
    const entry = { task: 'note', args: ['mine'], every: '150ms' } as const;
    await app.beat.add('mine', entry);
    await goesOn(heard, 'mine', 1);
    await stage.redis.hset(beatKey(app, 'states'), 'mine', text);
    const { error } = await entryThat(app, 'mine', (one) => one.error !== undefined);
    expect(error).toContain('damaged');
    await eventually(() => stage.redis.zcard(beatKey(app, 'due'))).toBe(0);
    await app.beat.remove('mine');
    await app.beat.add('mine', entry);
    await goesOn(heard, 'mine');
  });
});

describe.each([
  ['no JSON', '{"v":1,'],
  ['of another version', '{"v":2}'],
  ['without what it sends', '{"v":1,"when":{"v":1,"kind":"every"}}'],
  ['without a schedule', '{"v":1,"canvas":{"task":"note"}}'],
])('an entry that is %s', (_what, text) => {
  it('of the code is written anew, and the other entries go on', async () => {
    const { app, heard } = listening();
    await stage.worker(app);
    await startBeat(app);
    await goesOn(heard, 'broken', 1);
    await stage.redis.hset(beatKey(app, 'entries'), 'broken', text);
    await goesOn(heard, 'whole');
    await goesOn(heard, 'broken');
    expect(await app.beat.get('broken')).toMatchObject({ error: undefined });
  });

  it('of run time shows what is wrong in the list, and can be removed', async () => {
    const { app, heard } = listening();
    await stage.worker(app);
    await startBeat(app);
    await app.beat.add('mine', { task: 'note', args: ['mine'], every: '150ms' });
    await goesOn(heard, 'mine', 1);
    await stage.redis.hset(beatKey(app, 'entries'), 'mine', text);
    await goesOn(heard, 'whole');
    const mine = (await app.beat.list()).find(({ name }) => name === 'mine');
    expect(mine?.error).toEqual(expect.any(String));
    await app.beat.remove('mine');
    expect(await app.beat.get('mine')).toBeUndefined();
  });
});

it('what is due without a state is let go', async () => {
  const { app, heard } = listening();
  await stage.worker(app);
  await startBeat(app);
  await taken(app, 'whole');
  await stage.redis.zadd(beatKey(app, 'due'), 5, 'nobody');
  await goesOn(heard, 'whole');
  expect(await stage.redis.zscore(beatKey(app, 'due'), 'nobody')).toBeNull();
  await goesOn(heard, 'broken');
});

it('entries of the code come back when their states are deleted', async () => {
  const { app, heard } = listening();
  await stage.worker(app);
  await startBeat(app);
  await goesOn(heard, 'whole', 1);
  await stage.redis.del(beatKey(app, 'states'));
  await goesOn(heard, 'whole');
  await goesOn(heard, 'broken');
});

it('fields that a later version may have are kept', async () => {
  const { app } = listening({ beat: { entry: { task: 'note', every: '150ms' } } });
  await startBeat(app);
  await taken(app, 'entry');
  await app.beat.pause('entry');
  const states = beatKey(app, 'states');
  const state = JSON.parse((await stage.redis.hget(states, 'entry')) ?? '') as object;
  await stage.redis.hset(states, 'entry', JSON.stringify({ ...state, later: { kept: true } }));
  await app.beat.resume('entry');
  await entryThat(app, 'entry', ({ runs }) => runs >= 2);
  const text = (await stage.redis.hget(states, 'entry')) ?? '';
  expect(JSON.parse(text)).toMatchObject({ later: { kept: true } });
});

it('a queue whose key is no list shows as an error, is tried once a second, and holds nothing up', async () => {
  const { app, heard } = listening({
    beat: {
      stuck: { task: 'note', args: ['stuck'], every: '150ms', queue: 'stuck' },
      whole: { task: 'note', args: ['whole'], every: '150ms' },
    },
  });
  await stage.worker(app, { queues: ['default', 'stuck'] });
  const wait = `${app.config.prefix}:{stuck}:wait`;
  await stage.redis.set(wait, 'not a list');
  await startBeat(app);
  await goesOn(heard, 'whole', 6);
  expect(heard).not.toContain('stuck');
  await stage.redis.del(wait);
  await goesOn(heard, 'stuck');
});
