/** Turns options and the environment into checked, frozen values. */
import leven from 'leven';
import { ConfigError } from '../errors.js';
import type { Setting } from './setting.js';
import { show } from './setting.js';
import { appSettings, type workerSettings } from './settings.js';
import { type TlsConfig, tlsOf, type TlsOptions, tlsTables } from './tls.js';

type Table = Readonly<Record<string, Setting<unknown>>>;
type Values<T extends Table> = {
  readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never;
};

/** The checked settings of an App. */
export interface AppConfig extends Values<typeof appSettings> {
  /** Certificates for connections to servers, where some were given. */
  readonly tls?: TlsConfig;
  /** The same to sentinels. */
  readonly sentinelTls?: TlsConfig;
}
/** The checked settings of a worker. */
export type WorkerConfig = Values<typeof workerSettings>;

/**
 * Gives every setting of a table: from the options, else the environment, else its default.
 *
 * @throws ConfigError when a value is of the wrong kind
 */
export function resolveSettings<T extends Table>(
  table: T,
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Values<T> {
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(table)) {
    const fromEnvironment = environment[setting.env];
    if (options[key] !== undefined) values[key] = setting.parse(options[key], key);
    else if (fromEnvironment) values[key] = setting.parse(fromEnvironment, setting.env);
    else values[key] = setting.default;
  }
  return Object.freeze(values) as Values<T>;
}

/**
 * Gives every setting of an App.
 *
 * @throws ConfigError when a value is of the wrong kind, or certificates are given and no address is one by TLS
 */
export function resolveApp(
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): AppConfig {
  const config = resolveSettings(appSettings, options, environment);
  const tls = resolveTls('tls', options, environment);
  const forSentinels = resolveTls('sentinelTls', options, environment);
  if (!tls && !forSentinels) return config;
  const addresses = [config.broker, ...(Array.isArray(config.shards) ? config.shards : [])];
  if (tls && !addresses.some((url: string) => /^rediss/i.test(url)))
    throw new ConfigError(
      'tls is given (or DTASK_TLS_...), and no address is one by TLS: write rediss:// in place of redis://',
    );
  if (forSentinels && !addresses.some((url: string) => /^rediss\+sentinel/i.test(url)))
    throw new ConfigError(
      'sentinelTls is given (or DTASK_SENTINEL_TLS_...), and no address is one of sentinels by TLS: rediss+sentinel://',
    );
  const { servername: _name, ...shared } = tls ?? {};
  const sentinelTls = { ...shared, ...forSentinels };
  const isBySentinels = addresses.some((url: string) => /\+sentinel/i.test(url));
  return Object.freeze({ ...config, ...(tls && { tls }), ...(isBySentinels && { sentinelTls }) });
}

function resolveTls(
  name: keyof typeof tlsTables,
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): TlsConfig | undefined {
  const given = options[name] ?? {};
  const table = tlsTables[name];
  if (typeof given !== 'object')
    throw new ConfigError(
      `${name} must be an object such as { ca: 'ca.pem' }, got ${typeof given}`,
    );
  const keys = Object.keys(table);
  refuseUnknown({ ...given }, keys, name);
  const named = Object.fromEntries(
    keys.map((key) => [`${name}.${key}`, table[key as keyof typeof table]]),
  );
  const values = Object.fromEntries(
    Object.entries(given).map(([key, value]) => [`${name}.${key}`, value as unknown]),
  );
  const resolved = resolveSettings(named as Table, values, environment);
  return tlsOf(
    Object.fromEntries(
      keys.map((key) => [key, resolved[`${name}.${key}`]]),
    ) as unknown as Required<TlsOptions>,
    name,
  );
}

/**
 * Refuses options that nobody reads.
 *
 * @throws ConfigError which names the unknown key and the nearest known one
 */
export function refuseUnknown(
  options: Readonly<Record<string, unknown>>,
  known: readonly string[],
  what: string,
): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = known.find((candidate) => leven(candidate.toLowerCase(), key.toLowerCase()) <= 3);
    throw new ConfigError(
      `${what} has no option ${show(key)}${near ? `; did you mean ${near}?` : `; it takes ${known.join(', ')}`}`,
    );
  }
}
