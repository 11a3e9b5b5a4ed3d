/** Connections to Redis that notice when they are dead, and heal. */
import { type Redis, type RedisOptions, ReplyError } from 'ioredis';
import { BrokerError } from '../errors.js';
import { inNoContext } from '../own-context.js';
import { parseAddress, type Server } from './address.js';
import { FollowingRedis } from './following-redis.js';
import { HealingRedis } from './healing-redis.js';
import { nodeConnector } from './node-connector.js';
import { ServerClock } from './server-clock.js';
import { redactAddress } from './shown-address.js';

/** Longest that a worker's blocking read waits, in milliseconds. */
export const longestBlock = 5_000;

/**
 * A connection that has asked and hears nothing for this long is dead: a half-open network sends
 * no reset, and without a limit a client waits for ever. Above `longestBlock`, so that a quiet
 * queue is not taken for a dead one.
 */
const silence = 8_000;

/** Soon at first, for a restart; then each second, with jitter, for an outage. */
const pauseBefore = (attempt: number): number =>
  Math.min(25 * 2 ** Math.min(attempt, 6), 1_000) * (0.75 + Math.random() / 2);

/**
 * Opens a connection, which comes back by itself however long Redis is away.
 *
 * @param role shows in Redis' `CLIENT LIST`
 * @throws ConfigError when the URL cannot be read
 */
export function openConnection(server: Server, role: string): HealingRedis {
  const { via, ...parsed } = parseAddress(server.address);
  const address = parsed.tls ? { ...parsed, tls: { ...server.tls } } : parsed;
  const options: RedisOptions = {
    ...address,
    connectionName: `dtask:${role}`,
    maxRetriesPerRequest: null,
    connectTimeout: 5_000,
    socketTimeout: silence,
    keepAlive: 10_000,
    retryStrategy: pauseBefore,
    // A replica that was promoted, or a primary that became one: connect anew.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  const connection = inNoContext(() =>
    via
      ? new FollowingRedis(
          { ...options, Connector: nodeConnector(address, via, server.sentinelTls) },
          pauseBefore,
          via.name === undefined,
        )
      : new HealingRedis(options),
  );
  // An 'error' event without a listener would end the process; `whyDown` tells what it was.
  connection.on('error', (error: Error) => lastErrors.set(connection, error));
  connection.on('ready', () => lastErrors.delete(connection));
  ServerClock.of(server.address).follow(connection);
  return connection;
}

const lastErrors = new WeakMap<Redis, Error>();

/**
 * Lets the process end while a connection is open. What waits for it, a call on its way or a
 * result, has a timer of its own, so a script ends when nothing is left to wait for.
 */
export function letGo<R extends Redis>(connection: R): R {
  connection.on('connect', () => connection.stream.unref());
  connection.on('reconnecting', () => {
    (
      connection as unknown as { reconnectTimeout?: NodeJS.Timeout | null }
    ).reconnectTimeout?.unref();
  });
  return connection;
}

/** Where the broker's address comes from. */
const brokerSource = "DTASK_BROKER_URL or the app's broker option";

/**
 * The error that names what is wrong with a connection, and what to do.
 *
 * @param source where the address comes from
 */
export function whyDown(
  connection: Redis,
  url: string,
  what: string,
  source = brokerSource,
): BrokerError {
  const refusal = connection instanceof FollowingRedis ? connection.refusal : undefined;
  const cause = lastErrors.get(connection) ?? refusal;
  const reason = cause ? `: ${describe(cause)}` : '';
  const isRefused = cause instanceof (ReplyError as ErrorConstructor);
  const does = isRefused ? 'refuses the connection' : 'does not answer';
  const advice = isRefused ? 'check' : 'check that it runs and';
  return new BrokerError(
    `${what}: Redis at ${redactAddress(url)} ${does}${reason}; ${advice} that ${source} is right`,
    cause && { cause },
  );
}

/** An AggregateError, of a name with several addresses, has no message of its own. */
function describe(error: Error): string {
  if (error.message !== '') return error.message;
  return error instanceof AggregateError ? error.errors.map(String).join(', ') : error.name;
}

/** Ends a connection at once, for good; what waits for it, or for an answer, is rejected. */
export const dropConnection = (connection: Redis): void => (connection as HealingRedis).drop();

/** Ends a connection: politely where it is up, at once where it is not or says nothing for a second. */
export async function closeConnection(connection: Redis): Promise<void> {
  if (connection.status !== 'ready') {
    dropConnection(connection);
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 1_000);
  });
  // A server that is gone just now would keep QUIT waiting for its return.
  await Promise.race([connection.quit().catch(() => undefined), patience]);
  clearTimeout(timer);
  dropConnection(connection);
}

const readiness = new WeakMap<Redis, Promise<void>>();

/**
 * Resolves when a connection is ready; is rejected when it is closed for good, and when the server
 * refuses its database. However many wait, they share one promise and its listeners.
 */
export function whenReady(connection: Redis): Promise<void> {
  if (connection.status === 'ready') return Promise.resolve();
  let ready = readiness.get(connection);
  if (!ready) {
    ready = new Promise((resolve, reject) => {
      const settle = (finish: () => void) => (): void => {
        readiness.delete(connection);
        connection.off('ready', onReady);
        connection.off('end', onEnd);
        connection.off('refused', onRefused);
        finish();
      };
      const onReady = settle(resolve);
      const onEnd = settle(() => reject(new BrokerError('the connection was closed')));
      const onRefused = (error: Error): void => settle(() => reject(error))();
      connection.once('ready', onReady);
      connection.once('refused', onRefused);
      connection.once('end', onEnd);
    });
    readiness.set(connection, ready);
  }
  return ready;
}
