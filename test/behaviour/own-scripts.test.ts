/** dtask's own scripts: given to each server once, in their place among the other commands. */
import { OwnScript } from '@dtask/core/internal';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { engine } from '../support/own-engine.js';
import { startProxy } from '../support/proxy.js';
import { until } from '../support/until.js';

const note = new OwnScript<number>(1, "return redis.call('RPUSH', KEYS[1], ARGV[1])");

function client(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  return redis;
}

test('what is sent again to a server that does not have the script keeps its place', async () => {
  const proxy = await startProxy(engine.port);
  const redis = client(proxy.url);
  await note.run(redis, 'before', 'given');
  await note.run(redis, 'before', 'known');
  await client(engine.url).script('FLUSH');
  proxy.become('blackhole');
  const sent = [note.run(redis, 'order', 'first'), redis.rpush('order', 'second')];
  redis.stream.destroy();
  // What was written to the first connection has vanished by then.
  await until('it tries again', () => proxy.accepted > 1);
  proxy.become('pass');
  proxy.cut();
  await Promise.all(sent);
  expect(await redis.lrange('order', 0, -1)).toEqual(['first', 'second']);
});

test('a server that has forgotten the script is given it again', async () => {
  const redis = client(engine.url);
  for (const word of ['a', 'b', 'c']) {
    await redis.script('FLUSH');
    await note.run(redis, 'anew', word);
  }
  expect(await redis.lrange('anew', 0, -1)).toEqual(['a', 'b', 'c']);
});

test.each([
  ['a text', 'plain', 'plain'],
  ['another alphabet', 'grüße, 数据 🎈', 'grüße, 数据 🎈'],
  ['lines', 'a\r\n$5\r\nb', 'a\r\n$5\r\nb'],
  ['a number', 1.5, '1.5'],
  ['nothing', undefined, ''],
  ['truth', true, 'true'],
])('an argument arrives as it is: %s', async (what, given, stored) => {
  const redis = client(engine.url);
  // By the script and by its hash.
  await note.run(redis, what, given);
  await note.run(redis, what, given);
  expect(await redis.lrange(what, 0, -1)).toEqual([stored, stored]);
});

test('bytes arrive as they are, beside text', async () => {
  const redis = client(engine.url);
  const both = new OwnScript<number>(1, "return redis.call('RPUSH', KEYS[1], ARGV[1], ARGV[2])");
  const bytes = Buffer.from([0, 13, 10, 128, 255]);
  await both.run(redis, 'bytes', bytes, 'ü');
  expect(await redis.lrangeBuffer('bytes', 0, -1)).toEqual([bytes, Buffer.from('ü')]);
});
