/**
 * Pushes to whoever hears a channel.
 *
 * In a cluster PUBLISH goes to every node, so that more nodes would be more work for each. There pushes
 * are sharded: they stay on the node that has the channel's slot, which is that of the place's keys.
 */
import type { Redis } from 'ioredis';
import { FollowingRedis } from './following-redis.js';

const isSharded = (connection: Redis): boolean =>
  connection instanceof FollowingRedis && connection.sharded;

/** A script, with the command that pushes where it is to run in place of `PUBLISH`. */
export const withPushes = (connection: Redis, lua: string): string =>
  isSharded(connection) ? lua.replaceAll("'PUBLISH'", "'SPUBLISH'") : lua;

/** Pushes a text. */
export const push = (connection: Redis, channel: string, text: string): Promise<unknown> =>
  isSharded(connection) ? connection.spublish(channel, text) : connection.publish(channel, text);

/** Has a listener called for each push that a connection hears. */
export function onPush(connection: Redis, listener: (channel: string, text: string) => void): void {
  connection.on(isSharded(connection) ? 'smessage' : 'message', listener);
}

/** Begins to hear channels of one place; resolves when the server has confirmed it. */
export function hear(connection: Redis, channels: readonly string[]): Promise<unknown> {
  if (!isSharded(connection)) return connection.subscribe(...channels);
  return new Promise((resolve, reject) => {
    // ioredis forgets a subscription that was refused because the slot is elsewhere.
    const again = (): void => {
      connection.once('ready', () => {
        hear(connection, channels).then(resolve, reject);
      });
    };
    connection.once('moved', again);
    connection
      .ssubscribe(...channels)
      .then(resolve, reject)
      .finally(() => connection.off('moved', again));
  });
}

/** The subcommand of PUBSUB that counts those who hear a channel. */
export const hearersCommand = (connection: Redis): string =>
  isSharded(connection) ? 'SHARDNUMSUB' : 'NUMSUB';

/** Ends to hear a channel. */
export const unhear = (connection: Redis, channel: string): Promise<unknown> =>
  isSharded(connection) ? connection.sunsubscribe(channel) : connection.unsubscribe(channel);
