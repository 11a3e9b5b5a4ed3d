/** A schedule with an entry's bounds: from when, until when, how often, spread by how much. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { checkedTick } from './custom.js';
import { chance } from './jitter.js';
import {
  dateOf,
  instant,
  isSchedule,
  type Schedule,
  settle,
  type Surroundings,
} from './schedule.js';

/** The bounds of an entry. */
export interface TimetableOptions {
  schedule: Schedule;
  /** Fire up to this much later than the tick, by chance that all beats share. @default 0 */
  jitter?: Duration;
  /** The first instant that may be a tick. @default none */
  start?: Date;
  /** The first instant that may no more be a tick. @default none */
  end?: Date;
  /** How many ticks there are in all. @default no limit */
  limit?: number;
}

/** A tick, and when it is to be acted upon. */
export interface Firing {
  /** What the tick is known by. */
  readonly tick: Date;
  /** The tick, or later by the jitter; always ahead of the next tick. */
  readonly fireAt: Date;
}

/** Whose tick it is, and how many came before. */
export interface TimetablePlace {
  /** What the jitter is drawn from: the entry's name. */
  readonly seed: string;
  /** How many ticks have been acted upon. @default 0 */
  readonly runs?: number;
}

/** When an entry fires. Frozen and pure. */
export class Timetable {
  readonly schedule: Schedule;
  readonly #options: TimetableOptions;
  readonly #jitter: number;
  readonly #start: number;
  readonly #end: number;
  readonly #limit: number;

  /** @throws ConfigError which names the option, what it may be, and what it was */
  constructor(options: TimetableOptions) {
    refuseUnknown({ ...options }, ['schedule', 'jitter', 'start', 'end', 'limit'], 'a timetable');
    const { schedule, jitter = 0, start, end, limit } = options;
    if (!isSchedule(schedule))
      throw new ConfigError(
        `schedule must be a schedule, such as every('5m'), got ${show(schedule)}`,
      );
    this.schedule = schedule;
    this.#options = { ...options };
    this.#jitter = toMilliseconds(jitter, 'jitter');
    this.#start = start === undefined ? Number.NEGATIVE_INFINITY : instant(start, 'start');
    this.#end = end === undefined ? Number.POSITIVE_INFINITY : instant(end, 'end');
    this.#limit = limit === undefined ? Number.POSITIVE_INFINITY : limitOf(limit);
    if (this.#end <= this.#start)
      throw new ConfigError(
        `end must be later than start, got ${new Date(this.#end).toISOString()} and ${new Date(this.#start).toISOString()}`,
      );
    Object.freeze(this);
  }

  /** Fills in what the schedule left open. A fixed rate first ticks at `start`, if there is one. */
  settle({ anchor, timezone }: Surroundings): Timetable {
    const { start } = this.#options;
    const schedule = settle(this.schedule, {
      ...(anchor !== undefined && { anchor }),
      ...(start !== undefined && { start }),
      ...(timezone !== undefined && { timezone }),
    });
    return new Timetable({ ...this.#options, schedule });
  }

  /**
   * The first tick strictly after an instant that is within the bounds.
   *
   * @throws ConfigError when `after` is not a valid Date, or a custom schedule gives nonsense
   */
  next(after: Date, { seed, runs = 0 }: TimetablePlace): Firing | undefined {
    if (runs >= this.#limit) return undefined;
    // One millisecond ahead of the start: a tick at the very start counts.
    const from = dateOf(Math.max(instant(after, 'after'), this.#start - 1));
    const tick = from && this.#tick(from);
    if (!tick || tick.getTime() >= this.#end) return undefined;
    return { tick, fireAt: this.#jitter === 0 ? tick : this.#later(tick, seed) };
  }

  /** Less than the jitter later, and ahead of the next tick: firings keep the order of their ticks. */
  #later(tick: Date, seed: string): Date {
    const at = tick.getTime();
    const room = (this.#tick(tick)?.getTime() ?? Number.POSITIVE_INFINITY) - at;
    return dateOf(at + Math.floor(chance(seed, at) * Math.min(this.#jitter, room))) ?? tick;
  }

  #tick(after: Date): Date | undefined {
    return checkedTick(this.schedule.next(after), after.getTime(), String(this.schedule));
  }
}

function limitOf(limit: unknown): number {
  if (Number.isSafeInteger(limit) && (limit as number) >= 1) return limit as number;
  throw new ConfigError(`limit must be a whole number of at least 1, got ${show(limit)}`);
}
