/** A connection to a slot: what was written to it arrives once and in order, whatever happens to the slot. */
import { closeConnection, hear, onPush, openConnection, push } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type ClusterNode, needsServer, RedisCluster } from '../support/redis-cluster.js';
import { nativeServer } from '../support/server-process.js';
import { until } from '../support/until.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe.skipIf(!nativeServer)(`a connection to a slot (${needsServer})`, () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  const open = (tag: string): Redis => {
    const connection = openConnection({ address: `${cluster.url}#${tag}` }, 'test');
    onTestFinished(() => closeConnection(connection));
    return connection;
  };
  const slotOf = (tag: string): Promise<number> =>
    cluster.nodes[0]?.redis.cluster('KEYSLOT', tag) as Promise<number>;
  const otherThan = async (slot: number): Promise<ClusterNode> => {
    const owner = await cluster.ownerOf(slot);
    return cluster.primaries.find((one) => one !== owner) as ClusterNode;
  };

  test('sends what was refused again ahead of what was sent behind it', async () => {
    const connection = open('order');
    await connection.del('list{order}');
    const slot = await slotOf('order');
    await cluster.move(slot, await otherThan(slot));
    // So many that refusals come back while the last are on their way.
    const text = 'x'.repeat(500);
    const sent = range(20_000).map((n) => connection.rpush('list{order}', `${n} ${text}`));
    await Promise.all(sent);
    const list = await connection.lrange('list{order}', 0, -1);
    expect(list.map((item) => Number.parseInt(item, 10))).toEqual(range(20_000));
  });

  test('finds its slot where a script and a row of commands at once were refused', async () => {
    const connection = open('row');
    connection.defineCommand('twice', {
      numberOfKeys: 1,
      lua: "return redis.call('INCRBY', KEYS[1], 2)",
    });
    const { twice } = connection as unknown as { twice: (key: string) => Promise<number> };
    expect(await twice.call(connection, '{row}')).toBe(2);
    const slot = await slotOf('row');
    await cluster.move(slot, await otherThan(slot));
    expect(await twice.call(connection, '{row}')).toBe(4);
    await cluster.move(slot, await otherThan(slot));
    const replies = await connection.pipeline().incr('{row}').incr('{row}').get('{row}').exec();
    expect(replies).toEqual([
      [null, 5],
      [null, 6],
      [null, '6'],
    ]);
  });

  test('finds its slot while it blocks', async () => {
    const connection = open('block');
    await connection.del('{block}');
    const popped = connection.bzpopmin('{block}', 0);
    const slot = await slotOf('block');
    await until('it blocks', async () =>
      (await (await cluster.ownerOf(slot)).redis.info('clients')).includes('blocked_clients:1'),
    );
    await cluster.move(slot, await otherThan(slot));
    await open('block').zadd('{block}', 1, 'one');
    expect(await popped).toEqual(['{block}', 'one', '1']);
  });

  test('hears a channel whose slot has moved, before it began to hear it and behind that', async () => {
    const connection = open('ear');
    const heard: string[] = [];
    onPush(connection, (_channel, text) => heard.push(text));
    await connection.ping();
    const slot = await slotOf('ear');
    await cluster.move(slot, await otherThan(slot));
    await hear(connection, ['{ear}one', '{ear}two']);
    await push(open('ear'), '{ear}two', 'first');
    await until('it has heard', () => heard.includes('first'));
    const back = new Promise((resolve) => connection.once('ready', resolve));
    await cluster.move(slot, await otherThan(slot));
    // The server ends a subscription where the slot goes. Who heard hears of that by the connection.
    await back;
    await hear(connection, ['{ear}one', '{ear}two']);
    await push(open('ear'), '{ear}one', 'second');
    await until('it has heard again', () => heard.includes('second'));
    expect(heard).toEqual(['first', 'second']);
  });

  test('tries again with pauses that grow, and not in a circle', async () => {
    const connection = open('pause');
    await connection.set('{pause}', 1);
    const slot = await slotOf('pause');
    const owner = await cluster.ownerOf(slot);
    let tries = 0;
    connection.on('connect', () => (tries += 1));
    await owner.redis.cluster('DELSLOTS', slot);
    const refused = connection.incr('{pause}');
    await until('it has tried', () => tries >= 4);
    const before = tries;
    const start = performance.now();
    await until('it has tried again', () => tries > before + 1);
    expect(performance.now() - start).toBeGreaterThan(500);
    await owner.redis.cluster('ADDSLOTS', slot);
    expect(await refused).toBe(2);
  });
});
