/** Addresses are read, refused and shown without passwords. */
import { expect, test } from 'vitest';
import { slotOf } from '../protocol/slot.js';
import { parseAddress, placeInCluster } from './address.js';
import { redactAddress } from './shown-address.js';

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

test('what has a meaning in an address is percent-encoded in a user and a password', () => {
  const url = `redis://${encodeURIComponent('a/b')}:${encodeURIComponent('p/a?s#s@w%d:')}@db/2`;
  expect(parseAddress(url)).toMatchObject({ username: 'a/b', password: 'p/a?s#s@w%d:', db: 2 });
  expect(parseAddress('redis://:a@b:c@db')).toMatchObject({ password: 'a@b:c', host: 'db' });
});

test('of a single server the host, the port and the database may be left out', () => {
  expect(parseAddress('redis://')).toEqual({ host: '127.0.0.1', port: 6379, db: 0 });
  expect(parseAddress('redis://:7/')).toEqual({ host: '127.0.0.1', port: 7, db: 0 });
  expect(parseAddress('REDIS://db.internal/')).toMatchObject({ host: 'db.internal' });
});

const encode = /in a user or password, percent-encode it as %(25|23|2F|3F)$/;

test.each([
  ['secret', 'broker is not a URL: got ***; write redis://127.0.0.1:6379/0'],
  ['localhost:6379', 'got localhost:6379; write'],
  ['u:secret@db:6379', 'broker is not a URL: got u:***@db:6379; write'],
  ['http://x', 'its scheme is http'],
  ['redis+other://x', 'its scheme is redis+other'],
  ['redis+sentinel://a:26379', 'behind its sentinels stands what they call the primary'],
  ['redis+sentinel://u:secret@a/main/x', 'such as /mymaster/0'],
  ['redis+sentinel://a/main/0/1', 'such as /mymaster/0'],
  ['redis+sentinel://a/main/0#secret', 'it has a #'],
  ['redis+sentinel://a/ma%zz/0', 'a % in it begins no percent-encoded character'],
  ['redis://x/one', 'its path must be the number of a database'],
  ['redis://x/secret', 'redis://x/*** cannot be used'],
  ['redis://x/0#secret', 'it has a #'],
  ['redis://x,y', 'one server has one host'],
  ['redis://x:70000', 'got "x:70000"'],
  ['redis://u:secret', 'got "u:***"'],
  ['redis://u:123456789', 'got "u:***"'],
  ['redis://:secret', 'got "***"'],
  ['redis://:sec#ret@x', encode],
  ['redis://:sec/ret@x', encode],
  ['redis://:sec?ret@x', encode],
  ['redis://:sec%ret@x', encode],
  ['redis://:sec%FFret@x', encode],
  ['redis://sec%ret@x', encode],
  ['redis://x/0?db=secret', 'got db; the database goes into the path'],
  ['redis://x?password=secret', 'got password; user and password go ahead of the host'],
  ['redis://x?password=secret&db=3', 'got password, db; the database'],
  ['redis://x?secret', 'got ***; leave it out'],
  ['redis://x?family=6', 'got family; leave it out'],
  ['redis://x/0?tls=true', 'TLS is rediss://'],
  ['redis://x/0?password=a@secret', encode],
  ['redis+sentinel://a/main?db=3', 'it takes no parameters'],
  ['redis+cluster://a:7000/1', 'a cluster has one database, 0'],
  ['redis+cluster://a:7000?family=6', 'it takes no parameters'],
  ['redis+cluster://', 'each of its nodes must be host or host:port'],
  ['redis+cluster://a:7000,,b', 'each of its nodes must be host or host:port'],
  ['redis+cluster://a:port', 'got "a:***"'],
  ['redis+cluster://a:70000', 'got "a:70000"'],
  ['redis+cluster://u:secret@a:1,u:secret@b:1', 'user and password stand once'],
  ['redis+cluster://u:sec%ret@a:1', encode],
  ['redis+cluster://u:sec#ret/@a:1', encode],
])('of %s it is said what is wrong, and not the password', (url, why) => {
  let message = '';
  try {
    parseAddress(url);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toMatch(why);
  expect(message).not.toMatch(/secret|sec.?ret|ret@|12345/);
});

test.each([
  ['redis://u:secret@a:1/0', 'redis://u:***@a:1/0'],
  ['redis://:secret@a', 'redis://***@a'],
  ['redis://secret@a', 'redis://***@a'],
  ['redis://secret:@a', 'redis://***@a'],
  ['redis://sec/ret@a', 'redis://***@***'],
  ['redis://a:1?password=x@secret', 'redis://a:***@***'],
  ['redis://:sec/ret@a', 'redis://***@a'],
  ['redis://u:sec/r?e#t@a', 'redis://u:***@a'],
  ['redis://a:1/3?password=secret&x', 'redis://a:1/3?password=***&***=***'],
  ['redis://a:1/3#secret', 'redis://a:1/3#***'],
  ['redis://u:secret/0', 'redis://u:***/***'],
  ['redis+cluster://u:secret@a:1,b:2', 'redis+cluster://u:***@a:1,b:2'],
  ['redis+cluster://a:1,b:2#dtask', 'redis+cluster://a:1,b:2'],
  ['rediss+cluster://:se@cret@a:1,b:2#0.1', 'rediss+cluster://***@a:1,b:2'],
  ['redis+sentinel://u:secret@a:1,b:2/main/0', 'redis+sentinel://u:***@a:1,b:2/main/0'],
  ['redis://:secret@a,redis://:secret@b', 'redis://***@b'],
  ['redis://a:1', 'redis://a:1'],
])('%s is shown as %s', (url, shown) => {
  expect(redactAddress(url)).toBe(shown);
});
