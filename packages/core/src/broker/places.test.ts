/** Where the parts of an App are follows from its settings alone. */
import { expect, test } from 'vitest';
import { resolveSettings } from '../config/resolve.js';
import { appSettings } from '../config/settings.js';
import { parseAddress } from './address.js';
import { placesOf } from './places.js';

const of = (given: Readonly<Record<string, unknown>>): ReturnType<typeof placesOf> =>
  placesOf(resolveSettings(appSettings, given, {}));

test('a server has all in one place, under the plain prefix', () => {
  const main = { broker: 'redis://a', prefix: 'dtask' };
  expect(of({ broker: 'redis://a' })).toEqual({ main, shards: [] });
  expect(of({ broker: 'redis://a', shards: ['redis://b', 'redis://c'] })).toEqual({
    main,
    shards: [
      { broker: 'redis://b', prefix: 'dtask' },
      { broker: 'redis://c', prefix: 'dtask' },
    ],
  });
  expect(of({ broker: 'redis://a', shards: 2 }).shards).toEqual([
    { broker: 'redis://a', prefix: 'dtask{0.1}' },
    { broker: 'redis://a', prefix: 'dtask{1}' },
  ]);
});

test('in a cluster each place has a slot of its own, and all of its keys have that tag', () => {
  const { main, shards } = of({ broker: 'redis+cluster://a,b', prefix: 'shop', shards: 2 });
  expect(main).toEqual({ broker: 'redis+cluster://a,b#shop', prefix: '{shop}' });
  expect(shards.map(({ prefix }) => prefix)).toEqual(['shop{0.1}', 'shop{1}']);
  const slots = [main, ...shards].map(({ broker }) => parseAddress(broker).via?.slot);
  expect(new Set(slots).size).toBe(3);
  expect(slots[1]).toBeLessThan(8_192);
  expect(slots[2]).toBeGreaterThanOrEqual(8_192);
});

test('shards may be primaries of the same sentinels, also in the environment', () => {
  const urls = ['redis+sentinel://a:1,b:2/one', 'redis+sentinel://a:1,b:2/two', 'redis://c'];
  const config = resolveSettings(appSettings, {}, { DTASK_SHARDS: urls.join(', ') });
  expect(config.shards).toEqual(urls);
  expect(() => of({ shards: [urls[0], `${urls[0]}/1`] })).toThrow('has the server a:1/one twice');
});

test('a cluster takes a number of shards, and no addresses', () => {
  expect(() => of({ broker: 'redis+cluster://u:secret@a', shards: ['redis://b'] })).toThrow(
    'shards are addresses (redis://b), and the broker is a cluster (redis+cluster://u:***@a), which has all that is spread; give the number of shards, such as 16',
  );
  expect(() => of({ shards: ['redis+cluster://u:secret@a'] })).toThrow(
    'shards[0] is a cluster (redis+cluster://u:***@a), which spreads by itself; make it the broker, and give the number of shards, such as 16',
  );
  expect(() => of({ broker: 'redis+cluster://a#main' })).toThrow(
    "broker redis+cluster://a cannot be used: what stands behind a # is dtask's own; leave it out",
  );
});
