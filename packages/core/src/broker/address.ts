/** The address of a Redis server, of a place in a Redis Cluster, or of a primary that sentinels know. */
import type { TlsConfig } from '../config/tls.js';
import { ConfigError } from '../errors.js';
import { slotOf } from '../protocol/slot.js';
import {
  type AddressParts,
  partsOf,
  redactAddress,
  shownHost,
  shownParameters,
} from './shown-address.js';

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

/** What is known of a server before a connection to it is opened. */
export interface Server {
  /** Its URL. */
  readonly address: string;
  /** Certificates, where some were given; of use where the URL is one by TLS. */
  readonly tls?: TlsConfig | undefined;
  /** The same for the sentinels that know it. */
  readonly sentinelTls?: TlsConfig | undefined;
}

/** What a broker URL says, in the terms of ioredis. */
export interface Address extends NodeAddress {
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  /** Empty as it is read: certificates are settings of the App. */
  readonly tls?: TlsConfig;
  /** Where the server has to be asked for. `host` and `port` are then those of the first to be asked. */
  readonly via?: Whereabouts;
}

const clusterScheme = /^rediss?\+cluster:/i;

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
 * @param what names it in errors: an option or a variable of the environment
 * @throws ConfigError for whatever would not be heeded; its message shows no secret
 */
export function parseAddress(url: string, what = 'broker'): Address {
  const parts = partsOf(url);
  const refuse: Refuse = (why) =>
    new ConfigError(`${what} ${redactAddress(url)} cannot be used: ${why}`);
  const [, scheme, kind] = /^(rediss?)(?:\+(cluster|sentinel))?$/.exec(parts.scheme ?? '') ?? [];
  if (scheme === undefined) throw noScheme(url, what, parts, refuse);
  checkParts(parts, refuse);
  const nodes = nodesOf(parts, kind === 'sentinel' ? 26_379 : 6_379, refuse);
  const address = {
    ...(nodes[0] as NodeAddress),
    ...accessOf(parts, kind !== undefined, refuse),
    ...(scheme === 'rediss' && { tls: {} }),
  };
  if (kind === 'cluster') return ofCluster(parts, address, nodes, refuse);
  if (parts.fragment)
    throw refuse('it has a #, behind which dtask reads nothing; in a password write it %23');
  if (kind === 'sentinel') return bySentinels(parts, address, nodes, refuse);
  if (nodes.length > 1)
    throw refuse('one server has one host; those of a cluster are redis+cluster://host,host2');
  if (!/^\d*$/.test(parts.path))
    throw refuse('its path must be the number of a database, such as /0');
  return { ...address, db: Number(parts.path) };
}

/** Makes the error that says what is wrong with the address. */
type Refuse = (why: string) => ConfigError;
type Common = Omit<Address, 'db' | 'via'>;

function noScheme(
  url: string,
  what: string,
  { scheme }: AddressParts,
  refuse: Refuse,
): ConfigError {
  if (scheme === undefined) {
    return new ConfigError(
      `${what} is not a URL: got ${redactAddress(url)}; write redis://127.0.0.1:6379/0`,
    );
  }
  return refuse(
    `its scheme is ${scheme}, and dtask speaks redis://, redis+cluster:// and redis+sentinel://, and rediss in their place for TLS`,
  );
}

/** What a parameter stands for elsewhere, and where it goes here. */
const places: readonly (readonly [RegExp, string])[] = [
  [/^db|^database/i, 'the database goes into the path, as in redis://host:6379/3'],
  [
    /^user|^pass|^auth/i,
    'user and password go ahead of the host, as in redis://user:password@host',
  ],
  [/^tls|^ssl|cert|^ca$/i, 'TLS is rediss:// in place of redis://, with the option tls'],
];

function checkParts({ access, query }: AddressParts, refuse: Refuse): void {
  const [raw] = /[/?#]/.exec(access ?? '') ?? [];
  if (raw !== undefined) {
    throw refuse(
      `a ${raw} stands ahead of the @: in a user or password, percent-encode it as ${encodeURIComponent(raw)}`,
    );
  }
  if (query === '') return;
  const names = shownParameters(query);
  const hints = places
    .filter(([form]) => names.some((name) => form.test(name)))
    .map(([, hint]) => hint);
  const advice = hints.length > 0 ? hints.join('; ') : 'leave it out';
  throw refuse(
    `it takes no parameters behind a question mark, got ${names.join(', ')}; ${advice}; a ? in a password is written %3F`,
  );
}

function ofCluster(
  { path, fragment }: AddressParts,
  address: Common,
  seeds: readonly NodeAddress[],
  refuse: Refuse,
): Address {
  if (path !== '' && path !== '0')
    throw refuse('a cluster has one database, 0, and takes no other path; leave it out');
  const place = fragment === undefined ? {} : { slot: slotOf(decoded(fragment, refuse)) };
  return { ...address, db: 0, via: { seeds, ...place } };
}

function bySentinels(
  { path }: AddressParts,
  address: Common,
  seeds: readonly NodeAddress[],
  refuse: Refuse,
): Address {
  const [name = '', db = '0', ...more] = path.split('/');
  if (name === '' || !/^\d+$/.test(db) || more.length > 0) {
    throw refuse(
      'behind its sentinels stands what they call the primary, and maybe the number of a database, such as /mymaster/0',
    );
  }
  return { ...address, db: Number(db), via: { seeds, name: decoded(name, refuse) } };
}

function nodesOf({ hosts, scheme }: AddressParts, standard: number, refuse: Refuse): NodeAddress[] {
  return hosts.map((text) => {
    // Of a single server the host may be left out.
    const written = text.replace(/^(?=:\d|$)/, scheme?.includes('+') ? '' : '127.0.0.1');
    const [, inBrackets, plain, port = standard] =
      /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(written) ?? [];
    const host = inBrackets ?? plain;
    if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
    throw refuse(
      `each of its nodes must be host or host:port, with commas between them, got ${JSON.stringify(shownHost(text))}`,
    );
  });
}

/** @param one whether an `@` may only be the one that ends them: several nodes have one user and password */
function accessOf(
  { access = '' }: AddressParts,
  one: boolean,
  refuse: Refuse,
): Pick<Address, 'username' | 'password'> {
  if (one && access.includes('@')) {
    throw refuse(
      'user and password stand once, ahead of the first node, and an @ in them is written %40',
    );
  }
  const colon = access.indexOf(':');
  const username = decoded(colon < 0 ? access : access.slice(0, colon), refuse);
  const password = colon < 0 ? '' : decoded(access.slice(colon + 1), refuse);
  return { ...(username && { username }), ...(password && { password }) };
}

function decoded(text: string, refuse: Refuse): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Node's error says nothing beyond that.
    throw refuse(
      'a % in it begins no percent-encoded character; in a user or password, percent-encode it as %25',
    );
  }
}
