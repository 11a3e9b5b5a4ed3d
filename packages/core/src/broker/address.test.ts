/** Addresses are read, refused and shown without passwords. */
import { expect, test } from 'vitest';
import { slotOf } from '../protocol/slot.js';
import { parseAddress, placeInCluster, redactAddress } from './address.js';

test('a server has a host, a port, a database and who asks', () => {
  expect(parseAddress('redis://127.0.0.1')).toEqual({ host: '127.0.0.1', port: 6379, db: 0 });
  expect(parseAddress('rediss://u:p%40w@db.internal:6380/3')).toEqual({
    host: 'db.internal',
    port: 6380,
    db: 3,
    username: 'u',
    password: 'p@w',
    tls: {},
  });
  expect(parseAddress('redis://[::1]:7')).toMatchObject({ host: '::1', port: 7 });
});

test('a cluster has several nodes, and one user for all', () => {
  expect(parseAddress('redis+cluster://a:7000,b,[::1]:7002')).toEqual({
    host: 'a',
    port: 7000,
    db: 0,
    via: {
      seeds: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 6379 },
        { host: '::1', port: 7002 },
      ],
    },
  });
  expect(parseAddress('rediss+cluster://u:p%40w@a:7000/')).toMatchObject({
    username: 'u',
    password: 'p@w',
    tls: {},
  });
  expect(parseAddress('redis+cluster://:pw@a/0')).toMatchObject({ password: 'pw', db: 0 });
});

test('sentinels know a primary by its name', () => {
  expect(parseAddress('redis+sentinel://u:p%40w@a,b:7/main/2')).toEqual({
    host: 'a',
    port: 26_379,
    db: 2,
    username: 'u',
    password: 'p@w',
    via: {
      seeds: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 7 },
      ],
      name: 'main',
    },
  });
  expect(parseAddress('rediss+sentinel://a/main')).toMatchObject({ db: 0, tls: {} });
});

test('a place in a cluster has the slot of its hash tag', () => {
  const url = placeInCluster('redis+cluster://u:secret@a:7000,b:7000', 'shop@eu#1');
  expect(parseAddress(url)).toMatchObject({ username: 'u', password: 'secret' });
  expect(parseAddress(url).via).toMatchObject({ slot: slotOf('shop@eu#1') });
  expect(redactAddress(url)).toBe('redis+cluster://u:***@a:7000,b:7000');
});

test.each([
  ['http://x', 'its scheme is http'],
  ['redis+other://x', 'its scheme is redis+other'],
  ['redis+sentinel://a:26379', 'behind its sentinels stands what they call the primary'],
  ['redis+sentinel://u:secret@a/main/x', 'such as /mymaster/0, got "/main/x"'],
  ['redis+sentinel://a/main/0/1', 'got "/main/0/1"'],
  ['redis://x/one', 'its path must be the number of a database'],
  ['redis+cluster://a:7000/1', 'a cluster has one database, 0, got the path /1; leave it out'],
  ['redis+cluster://a:7000?family=6', 'it takes no parameters'],
  ['redis+cluster://', 'each of its nodes must be host or host:port'],
  ['redis+cluster://a:7000,,b', 'each of its nodes must be host or host:port'],
  ['redis+cluster://a:port', 'got "a:port"'],
  ['redis+cluster://a:70000', 'got "a:70000"'],
  ['redis+cluster://u:secret@a:1,u:secret@b:1', 'user and password stand once'],
  ['redis+cluster://u:sec%ret@a:1', 'a percent sign in it must be written %25'],
  ['redis+cluster://u:se#cret/@a:1/2', 'a cluster has one database'],
])('of %s it is said what is wrong, and not the password', (url, why) => {
  let message = '';
  try {
    parseAddress(url);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toContain(why);
  expect(message).not.toMatch(/secret|sec%ret|se#cret|cret/);
});

test.each([
  ['redis://u:secret@a:1/0', 'redis://u:***@a:1/0'],
  ['redis://:secret@a', 'redis://***@a'],
  ['redis+cluster://u:secret@a:1,b:2', 'redis+cluster://u:***@a:1,b:2'],
  ['redis+cluster://a:1,b:2#dtask', 'redis+cluster://a:1,b:2'],
  ['rediss+cluster://:se@cret@a:1,b:2#0.1', 'rediss+cluster://***@a:1,b:2'],
  ['redis+sentinel://u:secret@a:1,b:2/main/0', 'redis+sentinel://u:***@a:1,b:2/main/0'],
  ['redis://a:1', 'redis://a:1'],
])('%s is shown as %s', (url, shown) => {
  expect(redactAddress(url)).toBe(shown);
});
