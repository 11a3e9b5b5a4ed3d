/** Dawn, sunrise, noon, sunset and dusk at a place: `solar('sunset', place)`. */
import { getTimes } from 'suncalc';
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { instant, type Schedule, type ScheduleJson } from './schedule.js';
import { type SolarEvent, solarEvents } from './solar-event.js';

/** A place on Earth. */
export interface SolarPlace {
  /** Degrees north of the equator, -90 to 90. */
  latitude: number;
  /** Degrees east of Greenwich, -180 to 180. */
  longitude: number;
}

/**
 * Ticks at what the sun does at a place, to the second. Exact to some ten seconds; to minutes around
 * days on which the sun barely does it.
 *
 * Days on which it does not happen, such as those of a polar night, have no tick.
 *
 * @param event one of Celery's events, such as `'sunset'`
 * @param place where, in degrees
 * @throws ConfigError when there is no such event or place
 * @example
 * ```ts
 * solar('sunset', { latitude: 48.86, longitude: 2.35 });
 * ```
 */
export function solar(event: SolarEvent, place: SolarPlace): Schedule {
  if (typeof event !== 'string' || !Object.hasOwn(solarEvents, event))
    throw new ConfigError(
      `solar: there is no event ${show(event)}; it takes ${Object.keys(solarEvents).join(', ')}`,
    );
  if (typeof place !== 'object' || place === null)
    throw new ConfigError(`solar takes a place, { latitude, longitude }, got ${show(place)}`);
  refuseUnknown({ ...place }, ['latitude', 'longitude'], 'solar');
  return new Solar(
    event,
    degrees(place.latitude, 90, 'latitude'),
    degrees(place.longitude, 180, 'longitude'),
  );
}

function degrees(value: unknown, most: number, what: string): number {
  if (typeof value === 'number' && Math.abs(value) <= most) return value;
  throw new ConfigError(
    `solar: ${what} must be a number of degrees from -${most} to ${most}, got ${show(value)}`,
  );
}

const day = 86_400_000;
/** Where the sun does something once a year, a year is long enough to look ahead. */
const horizon = 370;

/** An event of the sun at a place. */
class Solar implements Schedule {
  readonly #event: SolarEvent;
  readonly #latitude: number;
  readonly #longitude: number;

  constructor(event: SolarEvent, latitude: number, longitude: number) {
    this.#event = event;
    this.#latitude = latitude;
    this.#longitude = longitude;
    Object.freeze(this);
  }

  next(after: Date): Date | undefined {
    const from = instant(after, 'after');
    // A day of the sun's lasts from half a day before its noon to half a day after.
    for (let ahead = -1; ahead <= horizon; ahead += 1) {
      const tick = this.#on(new Date(from + ahead * day));
      if (tick > from) return new Date(tick);
    }
    return undefined;
  }

  /** The tick of the sun's day around an instant, in milliseconds; NaN where there is none. */
  #on(date: Date): number {
    const at = getTimes(date, this.#latitude, this.#longitude)[solarEvents[this.#event]];
    // Whole seconds: sines differ in their last digit between machines, and all beats must agree.
    return at instanceof Date ? Math.round(at.getTime() / 1_000) * 1_000 : Number.NaN;
  }

  toJSON(): ScheduleJson {
    return {
      v: 1,
      kind: 'solar',
      event: this.#event,
      latitude: this.#latitude,
      longitude: this.#longitude,
    };
  }

  toString(): string {
    return `${this.#event} at ${this.#latitude}, ${this.#longitude}`;
  }
}
