/** A fixed rate: `every('5m')`. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, toDuration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import {
  dateOf,
  instant,
  type Schedule,
  type ScheduleJson,
  type Surroundings,
} from './schedule.js';

/** Where a fixed rate is counted from. */
export interface EveryOptions {
  /**
   * Tick at multiples of the period since 1970-01-01T00:00Z, so that `'1h'` ticks at full hours and
   * `'1d'` at midnight UTC. Celery's `relative`. @default false
   */
  align?: boolean;
  /** Where counting begins; the first tick comes one period later. @default when the entry was first seen */
  anchor?: Date;
  /** Moves all ticks by this much; needs `align` or an `anchor`. @default 0 */
  offset?: Duration;
}

/** The shortest period, in milliseconds. */
const shortest = 100;

/**
 * Ticks at a fixed rate. Ticks are counted from one point in time, so they never drift, whenever
 * beats start and however late a tick is sent.
 *
 * As in Celery the first tick comes one period after the entry was first seen; with the entry's option
 * `start` it comes then. Days are 24 hours: for a time on the wall clock take `cron` or `crontab`.
 *
 * @param period a number of milliseconds or a string such as `'5m'`; at least 100 ms
 * @param options where it is counted from
 * @throws ConfigError when the period or an option is not usable
 * @example
 * ```ts
 * every('5m');
 * every('1h', { align: true, offset: '10m' }); // ten minutes past each hour
 * ```
 */
export function every(period: Duration, options: EveryOptions = {}): Schedule {
  refuseUnknown({ ...options }, ['align', 'anchor', 'offset'], 'every');
  const { align = false, anchor, offset = 0 } = options;
  if (typeof align !== 'boolean')
    throw new ConfigError(`align must be true or false, got ${show(align)}`);
  if (align && anchor !== undefined)
    throw new ConfigError('every takes align or an anchor, not both: align counts from 1970');
  const shift = Math.round(toMilliseconds(offset, 'offset'));
  if (shift > 0 && !align && anchor === undefined)
    throw new ConfigError(
      'offset needs align: true, or an anchor: the point in time that it is added to',
    );
  return new Every(
    periodOf(period),
    align,
    anchor === undefined ? undefined : instant(anchor, 'anchor'),
    shift,
  );
}

function periodOf(period: Duration): number {
  const milliseconds = Math.round(toMilliseconds(period, 'every'));
  if (milliseconds >= shortest) return milliseconds;
  const hint =
    typeof period === 'number' && period >= 1
      ? `: a bare number is milliseconds; for seconds write '${period}s'`
      : '';
  throw new ConfigError(`every must be at least ${shortest} ms, got ${show(period)}${hint}`);
}

/** A fixed rate. */
class Every implements Schedule {
  readonly #period: number;
  readonly #align: boolean;
  readonly #anchor: number | undefined;
  readonly #offset: number;

  constructor(period: number, align: boolean, anchor: number | undefined, offset: number) {
    this.#period = period;
    this.#align = align;
    this.#anchor = anchor;
    this.#offset = offset;
    Object.freeze(this);
  }

  next(after: Date): Date | undefined {
    const from = instant(after, 'after');
    const period = this.#period;
    if (this.#align) return dateOf(nthAfter(from, this.#offset, period) * period + this.#offset);
    // Without an anchor the caller's instant is the one there is.
    if (this.#anchor === undefined) return dateOf(from + period);
    const origin = this.#anchor + this.#offset;
    return dateOf(origin + Math.max(nthAfter(from, origin, period), 1) * period);
  }

  settle({ anchor, start }: Surroundings): Schedule {
    if (this.#align || this.#anchor !== undefined) return this;
    // Its first tick is one period behind what it counts from.
    if (start) return this.#from(instant(start, 'start') - this.#period);
    return anchor ? this.#from(instant(anchor, 'anchor')) : this;
  }

  #from(anchor: number): Schedule {
    return new Every(this.#period, false, anchor, this.#offset);
  }

  toJSON(): ScheduleJson {
    return {
      v: 1,
      kind: 'every',
      every: this.#period,
      ...(this.#align && { align: true }),
      ...(this.#anchor !== undefined && { anchor: new Date(this.#anchor).toISOString() }),
      ...(this.#offset > 0 && { offset: this.#offset }),
    };
  }

  toString(): string {
    const shift = this.#offset > 0 ? ` + ${toDuration(this.#offset)}` : '';
    return `every ${toDuration(this.#period)}${this.#align ? ', aligned' : ''}${shift}`;
  }
}

/** The number of the first period's end after an instant. */
function nthAfter(from: number, origin: number, period: number): number {
  return Math.floor((from - origin) / period) + 1;
}
