/** Time zones by name, checked. */
import leven from 'leven';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';

const known = new Set<string>();

/**
 * Checks the name of a time zone.
 *
 * @throws ConfigError when this Node.js has no such zone; it names a near one
 */
export function zoneOf(value: unknown): string {
  if (typeof value === 'string' && (known.has(value) || exists(value))) {
    known.add(value);
    return value;
  }
  throw new ConfigError(`timezone ${show(value)} is not a time zone${hintFor(value)}`);
}

/** Node.js 22 takes offsets such as `+02:00` and Node.js 20 does not: beats of both have to agree. */
function exists(name: string): boolean {
  if (!/^[a-z]/i.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function hintFor(value: unknown): string {
  const example = "; take an IANA name such as 'Europe/Paris' or 'UTC'";
  if (typeof value !== 'string') return example;
  if (/^[+-]/.test(value)) return `${example}; for a fixed offset 'Etc/GMT-2', which is UTC+2`;
  const [near] = Intl.supportedValuesOf('timeZone')
    .map((name) => ({ name, distance: leven(name.toLowerCase(), value.toLowerCase()) }))
    .filter(({ distance }) => distance <= 3)
    .toSorted((one, other) => one.distance - other.distance);
  return near ? `; did you mean ${near.name}?` : example;
}

const universal = new Set(['UTC', 'ETC/UTC', 'GMT', 'ETC/GMT', 'ZULU', 'ETC/ZULU']);

/** Whether the zone is UTC under some name, which needs no look into the zone's table. */
export function isUniversal(zone: string): boolean {
  return universal.has(zone.toUpperCase());
}
