import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { crontab } from '../schedule/crontab.js';
import { schedule } from '../schedule/custom.js';
import { every } from '../schedule/every.js';
import type { BeatChange } from './entry.js';
import { changeEntry, readEntry } from './entry-json.js';

const { json } = readEntry('nightly', {
  task: 'report',
  every: '1h',
  queue: 'slow',
  expires: '5m',
  maxRetries: 3,
  retryJitter: false,
});

it.each<readonly [BeatChange, object | undefined]>([
  [{ maxRetries: undefined }, { queue: 'slow', expiresIn: 300_000, retry: { jitter: false } }],
  [{ maxRetries: undefined, retryJitter: undefined, queue: undefined }, { expiresIn: 300_000 }],
  [
    { maxRetries: 5, expires: undefined },
    { queue: 'slow', retry: { max: 5, jitter: false } },
  ],
  [
    { expires: new Date(1_000) },
    { queue: 'slow', expiresAt: 1_000, retry: { max: 3, jitter: false } },
  ],
])('an entry that is changed by %o keeps what that does not name', (change, call) => {
  expect(changeEntry('nightly', json, change)).toEqual({ ...json, call });
});

describe('a schedule', () => {
  const paris = { timezone: 'Europe/Paris' };
  const of = (entry: object, change: BeatChange): unknown =>
    changeEntry('nightly', readEntry('nightly', { task: 'a', ...entry }).json, change).when;

  it("gets another time zone, or the app's, and stays what it is", () => {
    expect(of({ cron: '0 9 * * *' }, paris)).toEqual({
      ...{ v: 1, kind: 'cron', cron: '0 9 * * *' },
      ...paris,
    });
    const nine = crontab({ hour: 9, minute: 0 });
    expect(of({ schedule: nine }, paris)).toEqual(crontab({ hour: 9, minute: 0 }, paris).toJSON());
    expect(of({ cron: '0 9 * * *', ...paris }, { timezone: undefined })).toEqual(
      of({ cron: '0 9 * * *' }, {}),
    );
  });

  it('is aligned or no more, and keeps its rate', () => {
    expect(of({ every: '1h' }, { align: true })).toEqual(every('1h', { align: true }).toJSON());
    expect(of({ every: '1h', align: true }, { align: undefined })).toEqual(every('1h').toJSON());
  });

  it.each([
    [
      { every: '1h' },
      paris,
      'timezone goes with cron and crontab, and the schedule of this entry is every 1h',
    ],
    [{ cron: '0 9 * * *' }, { timezone: 'Paris' }, '"Paris" is not a time zone'],
    [{ cron: '0 9 * * *' }, { align: true }, 'align goes with every, and'],
    [{ every: '1h' }, { every: undefined }, 'so every cannot be taken back'],
    [
      { schedule: schedule(() => undefined, { name: 'never' }) },
      paris,
      'is the function schedule never',
    ],
  ])('%o refuses %o', (entry, change, reason) => {
    expect(() => of(entry, change)).toThrow(reason);
  });
});

it('functions of an entry run in the context of who gave them', () => {
  const request = new AsyncLocalStorage<string>();
  const { functions } = request.run('giver', () =>
    readEntry('own', {
      task: 'report',
      schedule: schedule((after) => new Date(after.getTime() + request.getStore()!.length)),
      args: () => [request.getStore()],
    }),
  );
  request.run('beat', () => {
    expect(functions.args?.()).toEqual(['giver']);
    expect(functions.schedule?.next(new Date(0))).toEqual(new Date(5));
  });
});
