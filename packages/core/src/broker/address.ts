/** The address of a Redis server. */
import { ConfigError } from '../errors.js';

/** What a broker URL says, in the terms of ioredis. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: Readonly<Record<string, never>>;
}

/**
 * Reads a broker URL: `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS.
 *
 * @throws ConfigError whose message never shows the password
 */
export function parseAddress(url: string): Address {
  const parsed = parseUrl(url);
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') {
    throw refusal(
      url,
      `its scheme is ${parsed.protocol.slice(0, -1)}, and dtask speaks redis:// and rediss://`,
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

/** The URL as it may be shown: without its password. */
export function redactAddress(url: string): string {
  const end = url.lastIndexOf('@');
  if (end < 0) return url;
  const [, scheme = '', user = ''] =
    /^([a-z][a-z\d+.-]*:\/\/)?(?:([^:@/]*):)?/i.exec(url.slice(0, end)) ?? [];
  return `${scheme}${user}${user === '' ? '' : ':'}***${url.slice(end)}`;
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
