/** A connection is left when it is dead, and not when its own process had no time to listen. */
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { HealingRedis } from './healing-redis.js';

/** A server that answers the first commands alike, and the later ones not at all. */
async function serve(answers: number): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  let left = answers;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      left -= 1;
      if (left >= 0) socket.write('+PONG\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

function connect(port: number): HealingRedis {
  const redis = new HealingRedis({
    port,
    socketTimeout: 200,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: null,
  });
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  return redis;
}

test('a connection whose process computed for longer than the limit is not given up', async () => {
  const { port, connections } = await serve(2);
  const redis = connect(port);
  await redis.ping();
  const answer = redis.ping();
  const end = performance.now() + 400;
  while (performance.now() < end);
  expect(await answer).toBe('PONG');
  expect(connections()).toBe(1);
});

test('a connection that owes a reply and says nothing is given up for a new one', async () => {
  const { port, connections } = await serve(1);
  const redis = connect(port);
  await redis.ping();
  redis.ping().catch(() => undefined);
  await expect.poll(connections, { timeout: 5_000 }).toBe(2);
});
