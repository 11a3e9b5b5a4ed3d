/** Turns options and the environment into checked, frozen values. */
import leven from 'leven';
import { ConfigError } from '../errors.js';
import type { Setting } from './setting.js';
import { show } from './setting.js';
import type { appSettings, workerSettings } from './settings.js';

type Table = Readonly<Record<string, Setting<unknown>>>;
type Values<T extends Table> = {
  readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never;
};

/** The checked settings of an App. */
export type AppConfig = Values<typeof appSettings>;
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
