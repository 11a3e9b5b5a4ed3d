/** What a worker says of a place in a group that has another end by now: it stood still since, say. */
import { Joins } from '@dtask/core/internal';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { engine } from '../support/own-engine.js';

const week = 7 * 24 * 3_600_000;

function joinsOn(prefix: string): Joins {
  const redis = new Redis(engine.url);
  onTestFinished(() => redis.disconnect());
  return new Joins(() => ({ ask: (_what, commands) => commands(redis), prefix }));
}

const after = { next: [], origin: { root: undefined, parent: undefined, reply: undefined } };

test('a place that has a value does not fail any more', async () => {
  const joins = joinsOn('values');
  await joins.open('group', 2, after, week);
  expect(await joins.fill('group', 0, '1', week)).toEqual({ kind: 'waiting' });
  expect(await joins.fill('group', 0, undefined, week)).toEqual({ kind: 'waiting' });
  expect(await joins.fill('group', 1, '2', week)).toMatchObject({ kind: 'done' });
  expect(await joins.fill('group', 1, undefined, week)).toEqual({ kind: 'waiting' });
  // A worker that died on its way asks again.
  expect(await joins.fill('group', 1, '2', week)).toMatchObject({ kind: 'done' });
  expect(await joins.values('group')).toBe('[1,2]');
});

test('a place that has failed gets no value, and its failure stands', async () => {
  const joins = joinsOn('failures');
  await joins.open('group', 1, after, week);
  expect(await joins.fill('group', 0, undefined, week)).toMatchObject({ kind: 'failed' });
  expect(await joins.fill('group', 0, '1', week)).toEqual({ kind: 'waiting' });
  expect(await joins.fill('group', 0, undefined, week)).toMatchObject({ kind: 'failed' });
});
