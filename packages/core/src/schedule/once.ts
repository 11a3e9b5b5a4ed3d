/** A single date: `once(date)`. */
import { instant, type Schedule, type ScheduleJson } from './schedule.js';

/**
 * Ticks once.
 *
 * @param date when
 * @throws ConfigError when it is not a valid Date
 * @example
 * ```ts
 * once(new Date('2027-01-01T00:00:00Z'));
 * ```
 */
export function once(date: Date): Schedule {
  return new Once(instant(date, 'once'));
}

/** A single date. */
class Once implements Schedule {
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
    Object.freeze(this);
  }

  next(after: Date): Date | undefined {
    return instant(after, 'after') < this.#at ? new Date(this.#at) : undefined;
  }

  toJSON(): ScheduleJson {
    return { v: 1, kind: 'once', at: new Date(this.#at).toISOString() };
  }

  toString(): string {
    return `once at ${new Date(this.#at).toISOString()}`;
  }
}
