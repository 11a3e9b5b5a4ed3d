/** The setting that says over which servers an App's tasks are spread. */
import { isCluster, parseAddress } from '../broker/address.js';
import { redactAddress } from '../broker/shown-address.js';
import { ConfigError } from '../errors.js';
import { type Setting, show } from './setting.js';

/** Addresses of servers, or so many places on the broker's own server; no address is no shards. */
export type ShardPlaces = number | readonly string[];

/** A comma behind which an address begins; one of sentinels has commas in it. */
const betweenAddresses = /\s*,\s*(?=[a-z][a-z+]*:\/\/|,|$)/i;

/** More would be no use: each process has connections to each. */
const most = 1_024;

/** Shards: a number or addresses. */
export function shardPlaces(row: Pick<Setting<ShardPlaces>, 'env' | 'doc'>): Setting<ShardPlaces> {
  return {
    kind: 'number or list',
    default: [],
    defaultText: '(none)',
    ...row,
    parse: (value, what) => {
      if (typeof value === 'string' && /^\s*\d+\s*$/.test(value)) return count(Number(value), what);
      if (typeof value === 'number') return count(value, what);
      const items = typeof value === 'string' ? value.trim().split(betweenAddresses) : value;
      if (Array.isArray(items) && items.every((item) => typeof item === 'string'))
        return addresses(items as string[], what);
      throw new ConfigError(
        `${what} must be a number of shards or an array of Redis' addresses, got ${show(value)}`,
      );
    },
  };
}

function count(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new ConfigError(
    `${what} must be a whole number from 1 to ${most}, or addresses of Redis servers, got ${show(value)}`,
  );
}

function addresses(texts: readonly string[], what: string): readonly string[] {
  const given = texts.map((text) => text.trim());
  if (given.length > most)
    throw new ConfigError(`${what} must be ${most} addresses at most, got ${given.length}`);
  const seen = new Map<string, string>();
  for (const [index, address] of given.entries()) {
    const server = serverOf(address, `${what}[${index}]`);
    const before = seen.get(server);
    if (before !== undefined) {
      throw new ConfigError(
        `${what} has the server ${server} twice (${redactAddress(before)}, ${redactAddress(address)}), and databases of one server share its one CPU and its channels; name each server once, or give the number of shards`,
      );
    }
    seen.set(server, address);
  }
  return Object.freeze(given);
}

function serverOf(address: string, what: string): string {
  parseAddress(address, what);
  if (!isCluster(address)) return serverName(address);
  throw new ConfigError(
    `${what} is a cluster (${redactAddress(address)}), which spreads by itself; make it the broker, and give the number of shards, such as 16`,
  );
}

/** What tells servers apart, whatever the database. */
function serverName(address: string): string {
  const { host, port, via } = parseAddress(address);
  return via?.name === undefined ? `${host}:${port}` : `${host}:${port}/${via.name}`;
}

/** Whether two addresses are of one server, whatever the database. */
export const isSameServer = (one: string, other: string): boolean =>
  serverName(one) === serverName(other);

/**
 * Whether the broker and a shard are databases of one server, which hear one another's channels.
 *
 * @throws ConfigError where they are
 */
export function checkApart(broker: string, places: ShardPlaces): void {
  if (typeof places === 'number' || places.length === 0) return;
  const { db } = parseAddress(broker);
  for (const address of places) {
    if (!isSameServer(address, broker) || parseAddress(address).db === db) continue;
    throw new ConfigError(
      `the shard ${redactAddress(address)} is on the broker's server (${redactAddress(broker)}) in another database; give both the same database, or the number of shards`,
    );
  }
}
