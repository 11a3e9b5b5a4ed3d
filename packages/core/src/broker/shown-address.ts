/** The parts that an address is written in, and the address as it may be shown: without its secrets. */

/** The parts as they stand in the text, checked by nobody. */
export interface AddressParts {
  /** In lower case; `undefined` where there is none. */
  readonly scheme: string | undefined;
  /** User and password: what stands ahead of the last `@`. */
  readonly access: string | undefined;
  /** One or more, parted by commas. */
  readonly hosts: readonly string[];
  /** Without the slash that begins it. */
  readonly path: string;
  /** Behind the question mark. */
  readonly query: string;
  /** Behind the `#`. */
  readonly fragment: string | undefined;
}

/** Parts an address. A password may have any character, so the last `@` ends it. */
export function partsOf(url: string): AddressParts {
  const [, scheme, rest = ''] = /^(?:([a-z][a-z\d+.-]*):\/\/)?(.*)$/is.exec(url) ?? [];
  const at = rest.lastIndexOf('@');
  const [, hosts = '', path = '', query = '', fragment] =
    /^([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(?:#(.*))?$/s.exec(rest.slice(at + 1)) ?? [];
  return {
    scheme: scheme?.toLowerCase(),
    access: at < 0 ? undefined : rest.slice(0, at),
    hosts: hosts.split(',').map((host) => host.trim()),
    path,
    query,
    fragment,
  };
}

const hostForm = /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i;
const hidden = '***';

/** A host and its port, if that is all that it is: who forgets the @ has a password there. */
export function shownHost(text: string): string {
  if (text === '' || hostForm.test(text)) return text;
  const [, host = ''] = /^([\w.-]+:)/.exec(text) ?? [];
  return `${host}${hidden}`;
}

/** The names of the parameters behind a question mark, without their values. */
export const shownParameters = (query: string): string[] =>
  query.split('&').map((pair) => /^[\w.-]{1,32}(?==)/.exec(pair)?.[0] ?? hidden);

/**
 * An address as it may be shown. Only what is plainly no secret is left: the scheme, a user who has a
 * password, hosts with their ports, the number of a database, the name of a primary.
 */
export function redactAddress(url: string): string {
  const { scheme, access, hosts, path, query, fragment } = partsOf(url);
  // With a / ? or # ahead of its @, what follows may be the rest of a parameter.
  const isSplit = /^[\w.-]+(?::\d+)?[/?#]/.test(access ?? '');
  const isHost = scheme !== undefined || /:\d+$/.test(hosts.join());
  const shown = hosts.map((host) => (isSplit || !isHost ? hidden : shownHost(host)));
  const isSure = !shown.join().includes(hidden);
  const pathForm = scheme?.endsWith('+sentinel') ? /^[\w./-]*$/ : /^\d*$/;
  const [, user = ''] = /^([\w.-]+:)./.exec(access ?? '') ?? [];
  // What dtask itself adds to the address of a cluster is of no use to anyone.
  const hasTag = fragment !== undefined && !scheme?.endsWith('+cluster');
  return [
    scheme === undefined ? '' : `${scheme}://`,
    access === undefined ? '' : `${user}${hidden}@`,
    shown.join(','),
    path === '' ? '' : `/${isSure && pathForm.test(path) ? path : hidden}`,
    query === '' ? '' : `?${shownParameters(query).join(`=${hidden}&`)}=${hidden}`,
    hasTag ? `#${hidden}` : '',
  ].join('');
}

/** A text as it may be shown: an address loses its secrets, and any other text stays as it is. */
export const shownText = (text: string): string =>
  /^\s*[a-z][a-z\d+.-]*:\/\//i.test(text) ? redactAddress(text.trim()) : text;
