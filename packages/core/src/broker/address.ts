/** The address of a Redis server, of a place in a Redis Cluster, or of a primary that sentinels know. */
import { ConfigError } from '../errors.js';
import { slotOf } from '../protocol/slot.js';

/** Where a server listens. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** Who knows where the server is: the nodes of a cluster, or sentinels. */
export interface Whereabouts {
  /** Those that the URL names: they are asked first. */
  readonly seeds: readonly NodeAddress[];
  /** In a cluster, the slot that all keys of the place are in; the URL that people write has none. */
  readonly slot?: number;
  /** What sentinels call the primary. */
  readonly name?: string;
}

/** What a broker URL says, in the terms of ioredis. */
export interface Address extends NodeAddress {
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: Readonly<Record<string, never>>;
  /** Where the server has to be asked for. `host` and `port` are then those of the first to be asked. */
  readonly via?: Whereabouts;
}

const clusterScheme = /^rediss?\+cluster:/i;
const sentinelScheme = /^rediss?\+sentinel:/i;

/** Whether a URL is that of a cluster. */
export const isCluster = (url: string): boolean => clusterScheme.test(url);

/** The address of a place in a cluster: where all keys have this hash tag. */
export const placeInCluster = (url: string, tag: string): string =>
  `${url}#${encodeURIComponent(tag)}`;

/**
 * Reads a broker URL: `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS; of a cluster
 * `redis+cluster://[user:password@]host[:port][,host[:port]...]`, to which dtask itself adds `#` and the
 * hash tag of a place; by sentinels `redis+sentinel://[user:password@]host[:port][,...]/name[/db]`.
 *
 * @throws ConfigError whose message never shows the password
 */
export function parseAddress(url: string): Address {
  if (isCluster(url)) return parseCluster(url);
  if (sentinelScheme.test(url)) return parseSentinel(url);
  const parsed = parseUrl(url);
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') {
    throw refusal(
      url,
      `its scheme is ${parsed.protocol.slice(0, -1)}, and dtask speaks redis://, redis+cluster:// and redis+sentinel://, and rediss in their place for TLS`,
    );
  }
  const db = parsed.pathname.replace(/^\//, '') || '0';
  if (!/^\d+$/.test(db))
    throw refusal(url, `its path must be the number of a database, got ${parsed.pathname}`);
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(parsed.port || 6379),
    db: Number(db),
    ...(parsed.username && { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password && { password: decodeURIComponent(parsed.password) }),
    ...(parsed.protocol === 'rediss:' && { tls: {} }),
  };
}

/** Scheme, user and password, nodes, path, tag. `URL` takes no more than one host. */
const severalForm =
  /^(rediss?)\+\w+:\/\/(?:(.*)@)?([^@/?#]*)(?:\/([^?#]*))?(\?[^#]*)?(?:#(.*))?$/is;

interface Several {
  readonly address: Omit<Address, 'db' | 'via'>;
  readonly seeds: readonly NodeAddress[];
  readonly path: string;
  readonly tag: string | undefined;
}

function parseCluster(url: string): Address {
  const { address, seeds, path, tag } = parseSeveral(url);
  if (path !== '' && path !== '0')
    throw refusal(url, `a cluster has one database, 0, got the path /${path}; leave it out`);
  const place = tag === undefined ? {} : { slot: slotOf(decoded(url, tag)) };
  return { ...address, db: 0, via: { seeds, ...place } };
}

function parseSentinel(url: string): Address {
  const { address, seeds, path, tag } = parseSeveral(url);
  const [name = '', db = '0', ...more] = path.split('/');
  if (name === '' || !/^\d+$/.test(db) || more.length > 0 || tag !== undefined) {
    throw refusal(
      url,
      `behind its sentinels stands what they call the primary, and maybe the number of a database, such as /mymaster/0, got ${JSON.stringify(`/${path}`)}`,
    );
  }
  return { ...address, db: Number(db), via: { seeds, name: decoded(url, name) } };
}

function parseSeveral(url: string): Several {
  const form = severalForm.exec(url);
  if (!form) throw refusal(url, 'write redis+cluster://host:7000,host2:7000');
  const [, scheme = '', access = '', hosts = '', path = '', query, tag] = form;
  if (query !== undefined) throw refusal(url, 'it takes no parameters behind a question mark');
  const standard = sentinelScheme.test(url) ? 26_379 : 6_379;
  const seeds = hosts.split(',').map((text) => nodeOf(url, text.trim(), standard));
  const address = {
    ...(seeds[0] as NodeAddress),
    ...accessOf(url, access),
    ...(scheme.toLowerCase() === 'rediss' && { tls: {} }),
  };
  return { address, seeds, path, tag };
}

function nodeOf(url: string, text: string, standard: number): NodeAddress {
  const [, inBrackets, plain, port = standard] =
    /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = inBrackets ?? plain;
  if (host === undefined || Number(port) > 65_535) {
    throw refusal(
      url,
      `each of its nodes must be host or host:port, with commas between them, got ${JSON.stringify(text)}`,
    );
  }
  return { host, port: Number(port) };
}

/** User and password are those of all nodes. */
function accessOf(url: string, access: string): Pick<Address, 'username' | 'password'> {
  if (access.includes('@')) {
    throw refusal(
      url,
      'user and password stand once, ahead of the first node, and an @ in them is written %40',
    );
  }
  const colon = access.indexOf(':');
  const username = decoded(url, colon < 0 ? access : access.slice(0, colon));
  const password = colon < 0 ? '' : decoded(url, access.slice(colon + 1));
  return { ...(username && { username }), ...(password && { password }) };
}

function decoded(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Node's error says nothing beyond that.
    throw refusal(url, 'a percent sign in it must be written %25');
  }
}

/** The URL as it may be shown: without its password, and without what dtask added to it. */
export function redactAddress(url: string): string {
  const end = url.lastIndexOf('@');
  const [, scheme = '', user = ''] =
    /^([a-z][a-z\d+.-]*:\/\/)?(?:([^:@/]*):)?/i.exec(url.slice(0, Math.max(end, 0))) ?? [];
  const shown = end < 0 ? url : `${scheme}${user}${user === '' ? '' : ':'}***${url.slice(end)}`;
  return isCluster(url) ? shown.replace(/#.*$/s, '') : shown;
}

function parseUrl(url: string): URL {
  try {
    return new URL(url);
  } catch {
    // Node's error is no cause for this one: it carries the whole URL, password and all.
    throw new ConfigError(
      `broker is not a URL: got ${redactAddress(url)}; write redis://127.0.0.1:6379/0`,
    );
  }
}

function refusal(url: string, why: string): ConfigError {
  return new ConfigError(`broker ${redactAddress(url)} cannot be used: ${why}`);
}
