/** What a server answers that is not the one any more is told apart: what is to be sent again, and what is an error. */
import { expect, test } from 'vitest';
import { checkVersion, tableOf } from './ask-cluster.js';
import { isRefusal } from './following-redis.js';

test.each([
  'MOVED 3999 127.0.0.1:6381',
  'ASK 3999 127.0.0.1:6381',
  'TRYAGAIN Multiple keys request during rehashing of slot',
  'CLUSTERDOWN The cluster is down',
  "READONLY You can't write against a read only replica. script: 5b..., on @user_script:3.",
  'ERR Error running script (call to f_5b): @user_script: 1: -READONLY You cannot write against a replica.',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  'LOADING Redis is loading the dataset in memory',
  'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
  'ERR Script attempted to access a non local key in a cluster node script: 5b, on @user_script:1.',
])('%s: it is sent again', (message) => {
  expect(isRefusal(new Error(message))).toBe(true);
});

test.each([
  'ERR unknown command MOVED',
  'WRONGTYPE Operation against a key holding the wrong kind of value',
  'NOSCRIPT No matching script. Please use EVAL.',
  'MOVEDON is no code',
])('%s: it is an error', (message) => {
  expect(isRefusal(new Error(message))).toBe(false);
});

test('a server that is too old for sharded pushes is refused with a reason', () => {
  expect(() => checkVersion('# Server\r\nredis_version:6.2.14\r\nos:Linux')).toThrow(
    'Redis is 6.2.14, and a cluster takes 7.0 or later, or Valkey',
  );
  for (const version of ['7.0.15', '7.2.4', '10.1.0']) checkVersion(`redis_version:${version}\r\n`);
});

test('a node without a name is where the one is that was asked', () => {
  const askedOf = { host: 'seed', port: 7000 };
  const reply = [
    [0, 99, ['', 7000, 'id1'], ['10.0.0.2', 7001, 'id2']],
    [100, 199, [null, 7002, 'id3', ['ip', '10.0.0.3']]],
    [200, 299, ['?', 7003, 'id4'], ['10.0.0.5', 7004, 'id5']],
  ];
  expect(tableOf(reply, askedOf)).toEqual({
    ranges: [
      { from: 0, to: 99, owner: { host: 'seed', port: 7000 } },
      { from: 100, to: 199, owner: { host: 'seed', port: 7002 } },
    ],
    nodes: [
      { host: 'seed', port: 7000 },
      { host: '10.0.0.2', port: 7001 },
      { host: 'seed', port: 7002 },
      { host: '10.0.0.5', port: 7004 },
    ],
  });
});
