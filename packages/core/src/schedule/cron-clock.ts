/** Ticks of a cron pattern in a time zone: where croner is used. */
import { Cron } from 'croner';
import { instant } from './schedule.js';
import { isUniversal } from './zone.js';

/** What croner reads. */
interface Pattern {
  /** Five to seven fields. */
  readonly line: string;
  /** A checked time zone. */
  readonly zone: string;
  /** Whether day of month and day of week must both match, where both are restricted. */
  readonly both: boolean;
}

/** The engine under `cron` and `crontab`. */
export class CronClock {
  readonly #pattern: Pattern;
  readonly #key: string;

  /** @throws TypeError or RangeError when croner cannot read the pattern */
  constructor(pattern: Pattern) {
    this.#pattern = pattern;
    this.#key = `${pattern.zone}\n${pattern.both}\n${pattern.line}`;
    this.#parsed();
  }

  /** Whether there is any tick since 1970; no calendar has a 31st of April. */
  ticks(): boolean {
    return this.next(new Date(0)) !== undefined;
  }

  next(after: Date): Date | undefined {
    return this.#parsed().next(instant(after, 'after'));
  }

  #parsed(): ParsedPattern {
    const parsed = recent.get(this.#key) ?? new ParsedPattern(this.#pattern);
    recent.delete(this.#key);
    recent.set(this.#key, parsed);
    const [oldest] = recent.keys();
    if (recent.size > kept && oldest !== undefined) recent.delete(oldest);
    return parsed;
  }
}

/** A pattern as croner has it, with its last answer: schedules that read the same share it. */
class ParsedPattern {
  readonly #cron: Cron;
  #from = Number.POSITIVE_INFINITY;
  #tick = Number.NEGATIVE_INFINITY;

  constructor({ line, zone, both }: Pattern) {
    this.#cron = new Cron(line, {
      ...(isUniversal(zone) ? { utcOffset: 0 } : { timezone: zone }),
      domAndDow: both,
      // As cron does: what names its hours and minutes runs once a day, also when clocks change.
      fixedTimeRule: 'no-wildcard',
      // Nothing here runs anything: there is no function, so there is no timer.
      paused: true,
    });
  }

  next(from: number): Date | undefined {
    // An answer holds for every instant from the one asked for up to the tick.
    if (from < this.#from || from >= this.#tick) {
      this.#tick = this.#cron.nextRun(new Date(from))?.getTime() ?? Number.POSITIVE_INFINITY;
      this.#from = from;
    }
    return Number.isFinite(this.#tick) ? new Date(this.#tick) : undefined;
  }
}

/** croner's patterns weigh 80 KB each and take 0.1 ms to make: so many are kept, the latest used. */
const kept = 256;
const recent = new Map<string, ParsedPattern>();
