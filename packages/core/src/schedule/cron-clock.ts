/** Ticks of a cron pattern in a time zone: where croner is used. */
import { Cron } from 'croner';
import { instant } from './schedule.js';
import { isUniversal } from './zone.js';

/** The engine under `cron` and `crontab`. */
export class CronClock {
  readonly #cron: Cron;
  /** The last answer: it holds for every instant from the one asked for to the tick. */
  #from = Number.POSITIVE_INFINITY;
  #tick = Number.NEGATIVE_INFINITY;

  /**
   * @param pattern five to seven fields
   * @param zone a checked time zone
   * @param both whether day of month and day of week must both match, where both are restricted
   * @throws TypeError or RangeError when croner cannot read the pattern
   */
  constructor(pattern: string, zone: string, both: boolean) {
    this.#cron = new Cron(pattern, {
      ...(isUniversal(zone) ? { utcOffset: 0 } : { timezone: zone }),
      domAndDow: both,
      // As cron does: what names its hours and minutes runs once a day, also when clocks change.
      fixedTimeRule: 'no-wildcard',
      // Nothing here runs anything: there is no function, so there is no timer.
      paused: true,
    });
  }

  /** Whether there is any tick since 1970; no calendar has a 31st of April. */
  get ticks(): boolean {
    return this.#cron.nextRun(new Date(0)) !== null;
  }

  next(after: Date): Date | undefined {
    const from = instant(after, 'after');
    if (from < this.#from || from >= this.#tick) {
      this.#tick = this.#cron.nextRun(new Date(from))?.getTime() ?? Number.POSITIVE_INFINITY;
      this.#from = from;
    }
    return Number.isFinite(this.#tick) ? new Date(this.#tick) : undefined;
  }
}
