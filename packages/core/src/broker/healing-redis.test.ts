/** A connection is left when it is dead, and not when its own process had no time to listen. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
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

/** A server that answers the first command, and can be made to end every connection at once. */
async function serveOnce(): Promise<{ port: number; refuse: () => void }> {
  let answers = true;
  let refuses = false;
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    if (refuses) socket.destroy();
    socket.on('error', () => undefined);
    socket.on('data', () => {
      if (answers) socket.write('+PONG\r\n');
      answers = false;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const refuse = (): void => {
    refuses = true;
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, refuse };
}

function connect(port: number, enableReadyCheck = false): HealingRedis {
  const redis = new HealingRedis({
    port,
    socketTimeout: 200,
    enableReadyCheck,
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

test('what was on its way when the connection broke is rejected when the client ends, also behind a try in vain', async () => {
  const { port, refuse } = await serveOnce();
  // Its question whether the server is ready is what is answered once.
  const redis = connect(port, true);
  await once(redis, 'ready');
  const answer = redis.ping();
  let tries = 0;
  redis.on('reconnecting', () => (tries += 1));
  refuse();
  await expect.poll(() => tries, { timeout: 5_000 }).toBeGreaterThan(1);
  redis.disconnect();
  await expect(answer).rejects.toThrow('Connection is closed.');
});

test('a client that was dropped is not brought back', async () => {
  const { port, connections } = await serve(10);
  const redis = connect(port);
  await redis.ping();
  redis.drop();
  await expect(redis.connect()).rejects.toThrow('Connection is closed.');
  await expect(redis.ping()).rejects.toThrow('Connection is closed.');
  expect([redis.status, connections()]).toEqual(['end', 1]);
});
