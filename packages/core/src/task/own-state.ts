/** What a task may tell of itself while it runs: states and events of its own. */
import { ConfigError } from '../errors.js';

/** What an event of a task's own says. */
export type EventFields = Readonly<Record<string, unknown>>;

/** States that only dtask sets. */
const reserved: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'PENDING',
  'WAITING',
  'RECEIVED',
  'STARTED',
  'RETRY',
  'SUCCESS',
  'FAILURE',
  'REVOKED',
  'IGNORED',
]);

/** @throws ConfigError when `updateState` may not set it */
export function checkOwnState(state: string): void {
  if (!reserved.has(state) && state !== '') return;
  throw new ConfigError(
    `updateState cannot set ${JSON.stringify(state)}, which dtask sets itself; use a name of your own`,
  );
}

/**
 * The fields of an event, as they travel.
 *
 * @throws ConfigError when the event has no name, or its fields are no JSON
 */
export function eventFields(event: string, fields: EventFields): EventFields {
  if (typeof event !== 'string' || event === '')
    throw new ConfigError(`sendEvent takes the event's name, got ${JSON.stringify(event)}`);
  try {
    return JSON.parse(JSON.stringify(fields)) as EventFields;
  } catch (cause) {
    throw new ConfigError(`the fields of event ${event} are no JSON`, { cause });
  }
}
