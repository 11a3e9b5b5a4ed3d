/** What becomes of ticks that nobody was there for. Pure. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import type { Firing } from './timetable.js';

/** What an entry wants for ticks that were missed. */
export interface MisfireOptions {
  /**
   * `'once'` runs the latest one for all that were missed, as Celery does; `'all'` runs each, the
   * latest 1,000 at most; `'skip'` runs none. @default 'once'
   */
  misfire?: 'once' | 'all' | 'skip';
  /** A tick that is later than this is not run. Celery's `beat_cron_starting_deadline`. @default no deadline */
  deadline?: Duration;
}

/** The checked form, in milliseconds. */
export interface MisfireRule {
  readonly misfire: 'once' | 'all' | 'skip';
  readonly deadline: number;
  /** A tick that is this late is not missed, only late: it runs whatever `misfire` says. */
  readonly grace: number;
}

/** Where an entry stands. */
export interface Standing {
  /** The first firing that has not been acted upon. */
  readonly due: Firing;
  readonly now: Date;
  /** The firing of the first tick strictly after an instant. */
  readonly next: (after: Date) => Firing | undefined;
}

/** What is to be done. */
export interface Dues {
  /** The ticks to act upon now, in order. */
  readonly send: readonly Firing[];
  /** How many ticks were due beside these: so many, or where `more` is true at least so many. */
  readonly leftOut: number;
  readonly more: boolean;
  /** The first firing after now; `undefined` when there is none. */
  readonly next: Firing | undefined;
}

/** The most ticks that are sent at once. */
export const mostCaughtUp = 1_000;
/**
 * How many are looked at where one is enough: those that are but late, of the shortest period. An
 * hour's outage of ten thousand entries has to be gone through.
 */
const mostLooked = (grace: number): number =>
  Math.min(150, Math.max(16, Math.ceil(grace / shortestPeriod)));
const shortestPeriod = 100;

/**
 * Checks an entry's rule for missed ticks.
 *
 * @param options the entry's own
 * @param grace how late a tick may be and still not count as missed
 * @throws ConfigError which names the option, what it may be, and what it was
 */
export function misfireRule(options: MisfireOptions = {}, grace: Duration = '1s'): MisfireRule {
  refuseUnknown({ ...options }, ['misfire', 'deadline'], 'the rule for missed ticks');
  const { misfire = 'once', deadline } = options;
  if (!['once', 'all', 'skip'].includes(misfire))
    throw new ConfigError(`misfire must be one of once, all, skip, got ${show(misfire)}`);
  return Object.freeze({
    misfire,
    deadline:
      deadline === undefined ? Number.POSITIVE_INFINITY : toMilliseconds(deadline, 'deadline'),
    grace: toMilliseconds(grace, 'grace'),
  });
}

/**
 * Says which ticks to act upon now, and which comes next.
 *
 * However long nobody was there, it asks for a bounded number of ticks.
 */
export function missed({ due, now, next }: Standing, rule: MisfireRule): Dues {
  const at = now.getTime();
  // Also where the clock was set back: what is not due again has been acted upon.
  if (due.fireAt.getTime() > at) return { send: [], leftOut: 0, more: false, next: due };
  const isAll = rule.misfire === 'all';
  const most = isAll ? mostCaughtUp : mostLooked(rule.grace);
  const { firings, complete } = isAll
    ? newest({ due, now, next }, most)
    : latest({ due, now, next }, most, rule.grace);
  const send = choose(firings, at, rule).slice(-most);
  const last = firings.at(-1) ?? due;
  return { send, leftOut: firings.length - send.length, more: !complete, next: next(last.tick) };
}

function choose(firings: readonly Firing[], now: number, rule: MisfireRule): readonly Firing[] {
  const late = ({ fireAt }: Firing): number => now - fireAt.getTime();
  const intime = firings.filter((firing) => late(firing) <= rule.deadline);
  if (rule.misfire === 'all') return intime;
  const punctual = intime.filter((firing) => late(firing) <= rule.grace);
  return rule.misfire === 'skip' || punctual.length > 0 ? punctual : intime.slice(-1);
}

interface Listing {
  readonly firings: readonly Firing[];
  /** Whether these are all. */
  readonly complete: boolean;
}

/**
 * The latest firing that is due, all that are but late, and some of the oldest, twice as many as
 * wanted at most: of a pattern each costs some ten microseconds. It looks back further and further.
 */
function latest(standing: Standing, most: number, grace: number): Listing {
  const { due, now, next } = standing;
  const oldest = list(due, now, next, 2 * most);
  if (oldest.complete) return oldest;
  for (let back = Math.max(grace, 1_000); ; back *= 2) {
    const from = new Date(Math.max(due.tick.getTime(), now.getTime() - back));
    const { firings, complete } = list(next(from), now, next, 2 * most);
    if (!complete) return newest(standing, most);
    if (firings.length === 0) continue;
    const before = oldest.firings.filter(({ tick }) => tick <= from);
    return { firings: [...before, ...firings], complete: false };
  }
}

/** The latest firings that are due, twice as many as wanted at most; it finds where they begin by halving. */
function newest({ due, now, next }: Standing, most: number): Listing {
  const all = list(due, now, next, 2 * most);
  if (all.complete) return all;
  let many = due.tick.getTime();
  let few = now.getTime();
  let found: readonly Firing[] = [];
  while (found.length < most && few - many > 1) {
    const middle = Math.floor((many + few) / 2);
    const { firings, complete } = list(next(new Date(middle)), now, next, 2 * most);
    if (complete) {
      found = firings;
      few = middle;
    } else many = middle;
  }
  return { firings: found, complete: false };
}

function list(from: Firing | undefined, now: Date, next: Standing['next'], most: number): Listing {
  const firings: Firing[] = [];
  let firing = from;
  while (firing && firing.fireAt <= now) {
    if (firings.length === most) return { firings, complete: false };
    firings.push(firing);
    firing = next(firing.tick);
  }
  return { firings, complete: true };
}
