/** The options of an App. */
import type { BeatEntry } from '../beat/entry.js';
import { show } from '../config/setting.js';
import { appSettings } from '../config/settings.js';
import { type TlsOptions, tlsTables } from '../config/tls.js';
import type { Duration } from '../duration.js';
import { ConfigError } from '../errors.js';
import type { RouteMap } from '../routing/route.js';
import type { Registrable } from './registry.js';

/** The options of an App. Each may also come from the environment; see the configuration reference. */
export interface AppOptions {
  /**
   * Address of the Redis or Valkey server: `redis://[user:password@]host:port/db`, `rediss://`.
   * @default DTASK_BROKER_URL, else 'redis://127.0.0.1:6379/0'
   */
  broker?: string;
  /**
   * Certificates for servers whose address begins with `rediss`: of authorities, and the App's own.
   * @default those that Node.js trusts, and none of its own
   * @example { ca: '/etc/redis/ca.pem', cert: '/etc/redis/app.pem', key: '/etc/redis/app.key' }
   */
  tls?: TlsOptions;
  /** The same for sentinels, where they differ. @default `tls`, without its `servername` */
  sentinelTls?: TlsOptions;
  /** First part of every key in Redis. @default 'dtask' */
  prefix?: string;
  /**
   * Servers over which tasks and their results are spread, by addresses; or so many places on the
   * broker's own server. All callers and workers need the same, in the same order.
   * @default none: all is on the broker
   */
  shards?: number | readonly string[];
  /** Queue of the tasks and calls that name none. @default 'default' */
  defaultQueue?: string;
  /** How long a call waits for Redis to take its message. @default '10s' */
  sendTimeout?: Duration;
  /** How long a result is kept; 0 keeps it for ever. @default '1d' */
  resultExpires?: Duration;
  /** Largest message and largest result, in bytes of JSON. @default 1048576 */
  maxPayload?: number;
  /** Whether calls and runs make spans of OpenTelemetry. @default false */
  tracing?: boolean;
  /**
   * Whether it tells by events what it sends, `task-sent`, and what it revokes that waits,
   * `task-revoked`.
   * @default false
   */
  sendEvents?: boolean;
  /** About how many events are kept for those who ask later. @default 100000 */
  eventsKept?: number;
  /**
   * Modules that hold tasks, as paths or glob patterns from the folder of the app's own module.
   * A worker loads them when it starts.
   */
  include?: readonly string[];
  /**
   * Where calls go that name no queue themselves, nor does their task: by name or glob, by a list of
   * rules, or by a function. The first rule that matches decides.
   * @example { 'image.*': 'images', 'report.yearly': { queue: 'slow', priority: 9 } }
   */
  routes?: RouteMap;
  /**
   * Queues of which each live worker that takes from them gets every message. Who sends to one gets
   * no results. Callers and workers need the same list.
   */
  broadcast?: readonly string[];
  /**
   * IANA time zone of the periodic tasks that name none.
   * @default 'UTC'
   */
  timezone?: string;
  /**
   * Periodic tasks, by name. `dtask beat` sends them.
   * @example { nightly: { task: 'report.send', cron: '0 3 * * *' } }
   */
  beat?: Readonly<Record<string, BeatEntry>>;
  /** Tasks, classes and instances to register at once. */
  tasks?: readonly Registrable[];
}

/** The keys of `AppOptions`. */
export const appOptionKeys: readonly string[] = [
  ...Object.keys(appSettings),
  ...Object.keys(tlsTables),
  'include',
  'routes',
  'broadcast',
  'beat',
  'tasks',
];

export function checkAppName(name: unknown): asserts name is string {
  if (typeof name === 'string' && /^[\w.@-]{1,64}$/.test(name)) return;
  throw new ConfigError(
    `an App's name must be 1 to 64 letters, digits and any of . _ @ -, got ${show(name)}`,
  );
}

export function checkInclude(include: unknown): readonly string[] {
  if (
    Array.isArray(include) &&
    include.every((pattern) => typeof pattern === 'string' && pattern !== '')
  ) {
    return Object.freeze([...(include as string[])]);
  }
  throw new ConfigError(`include must be an array of paths or patterns, got ${show(include)}`);
}

/** Checks the names of broadcast queues. */
export function checkBroadcast(queues: unknown): readonly string[] {
  if (Array.isArray(queues) && queues.every((one) => isQueue(one)))
    return Object.freeze([...new Set(queues as string[])]);
  throw new ConfigError(
    `broadcast must be an array of queues' names, of letters, digits and any of . _ @ -, got ${show(queues)}`,
  );
}

const isQueue = (name: unknown): boolean => typeof name === 'string' && /^[\w.@-]+$/.test(name);
