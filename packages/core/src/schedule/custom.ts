/** A schedule that is a function: `schedule(fn)`. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { inOwnContext } from '../own-context.js';
import { instant, type Schedule, type ScheduleJson } from './schedule.js';

/** Options of a schedule of your own. */
export interface CustomScheduleOptions {
  /** What lists show. @default the function's name, else `'custom'` */
  name?: string;
}

/**
 * Ticks when a function says so. It lives in the code alone, for a function cannot be stored.
 *
 * All beats ask it, so it must be pure: the same instant, the same answer. It may be asked for any
 * instant, also for the same one again.
 *
 * @param next gives the first tick strictly after an instant, or `undefined` when there is none
 * @param options its name
 * @throws ConfigError when `next` is not a function; later, when it gives anything but a later Date
 * @example
 * ```ts
 * const fullMoons = schedule((after) => moons.find((moon) => moon > after), { name: 'full moon' });
 * ```
 */
export function schedule(
  next: (after: Date) => Date | undefined,
  options: CustomScheduleOptions = {},
): Schedule {
  if (typeof next !== 'function')
    throw new ConfigError(
      `schedule takes a function from a Date to the next one, got ${show(next)}; for fixed rates and cron strings there are every and cron`,
    );
  refuseUnknown({ ...options }, ['name'], 'schedule');
  const { name = next.name || 'custom' } = options;
  if (typeof name !== 'string' || name === '')
    throw new ConfigError(`name must be a text that is not empty, got ${show(name)}`);
  return new Custom(inOwnContext(next), name);
}

/** A function as a schedule. */
class Custom implements Schedule {
  readonly #next: (after: Date) => Date | undefined;
  readonly #name: string;

  constructor(next: (after: Date) => Date | undefined, name: string) {
    this.#next = next;
    this.#name = name;
    Object.freeze(this);
  }

  next(after: Date): Date | undefined {
    const from = instant(after, 'after');
    return checkedTick(this.#next(new Date(from)), from, `schedule ${show(this.#name)}`);
  }

  toJSON(): ScheduleJson {
    throw new ConfigError(
      `schedule ${show(this.#name)} is a function, which cannot be stored: name it in the code, or add a cron, crontab, every, solar or once at run time`,
    );
  }

  toString(): string {
    return `schedule ${this.#name}`;
  }
}

/**
 * Checks what foreign code gave as the tick after an instant.
 *
 * @throws ConfigError when it is not a valid Date that is later
 */
export function checkedTick(tick: unknown, from: number, what: string): Date | undefined {
  if (tick === undefined) return undefined;
  const at = instant(tick, `the next tick of ${what}`);
  if (at > from) return new Date(at);
  throw new ConfigError(
    `the next tick of ${what} must be later than the instant it is asked for, ${new Date(from).toISOString()}, got ${new Date(at).toISOString()}; give undefined when there is none`,
  );
}
