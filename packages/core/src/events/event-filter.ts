/** Which events somebody wants to hear of. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { type DtaskEvent, type EventType, eventTypes } from './event.js';

/** What `app.events` takes. What names several kinds of things wants all of them to fit. */
export interface EventsOptions<T extends EventType = EventType> {
  /** The types of events. @default all */
  types?: readonly T[];
  /** The names of tasks; events of workers are then left out. @default all */
  tasks?: readonly string[];
  /** The names of workers; what callers tell is then left out. @default all */
  workers?: readonly string[];
  /**
   * Where to begin: with what happens from now on, with the oldest that is kept, at a date, or a
   * span ago.
   * @default 'now'
   */
  since?: 'now' | 'start' | Date | Duration;
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/** Where a reader begins: an id of the stream, the end of it, or a span before the server's now. */
export type Beginning = { readonly id: string } | { readonly end: true } | { readonly ago: number };

/** The options, checked. */
export interface EventFilter {
  readonly wants: (event: DtaskEvent) => boolean;
  readonly beginning: Beginning;
}

const known = ['types', 'tasks', 'workers', 'since', 'signal'];

/** @throws ConfigError when an option is unknown or of the wrong kind */
export function checkEvents(options: EventsOptions): EventFilter {
  refuseUnknown({ ...options }, known, 'events');
  const types = names(options.types, 'types');
  const tasks = names(options.tasks, 'tasks');
  const workers = names(options.workers, 'workers');
  const stranger = options.types?.find((type) => !Object.hasOwn(eventTypes, type));
  if (stranger !== undefined) {
    throw new ConfigError(
      `there is no event ${show(stranger)}; there are ${Object.keys(eventTypes).join(', ')}`,
    );
  }
  const wants = (event: DtaskEvent): boolean =>
    (!types || types.has(event.type)) &&
    (!tasks || ('name' in event && tasks.has(event.name))) &&
    (!workers || ('worker' in event && event.worker !== undefined && workers.has(event.worker)));
  return { wants, beginning: beginningOf(options.since ?? 'now') };
}

function names(list: unknown, what: string): ReadonlySet<string> | undefined {
  if (list === undefined) return undefined;
  if (Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === 'string'))
    return new Set(list as string[]);
  throw new ConfigError(`${what} must be an array of names with at least one, got ${show(list)}`);
}

function beginningOf(since: NonNullable<EventsOptions['since']>): Beginning {
  if (since === 'now') return { end: true };
  if (since === 'start') return { id: '0-0' };
  if (!(since instanceof Date)) return { ago: toMilliseconds(since, 'since') };
  if (Number.isNaN(since.getTime())) throw new ConfigError('since is an invalid date');
  // One before the first of that millisecond.
  return { id: before(since.getTime()) };
}

/** The id that comes before all of a millisecond. */
export const before = (at: number): string =>
  `${Math.max(0, Math.floor(at) - 1)}-18446744073709551615`;
