/** When an entry fires, as it is stored, and changes of that. */
import { ConfigError } from '../errors.js';
import { scheduleFromJson } from '../schedule/from-json.js';
import type { ScheduleJson } from '../schedule/schedule.js';
import { whenKeys } from '../schedule/schedule-of.js';
import type { BeatChange } from './entry.js';

/** A schedule that is a function, by what it is called. */
export interface FunctionJson {
  readonly kind: 'function';
  readonly name: string;
}

/** A schedule, which only the code has where it is a function. */
export type WhenJson = ScheduleJson | FunctionJson;

const ways = ['every', 'cron', 'schedule'] as const;

/** The parts that can be changed alone, and the kinds of schedules that have them. */
const parts = { timezone: ['cron', 'crontab'], align: ['every'] } as const;

/** Whether a change brings a schedule of its own. */
export const bringsSchedule = (change: BeatChange): boolean =>
  ways.some((way) => change[way] !== undefined);

/** A change without what it says of the schedule. */
export const withoutWhen = (change: BeatChange): BeatChange =>
  Object.fromEntries(
    Object.entries(change).filter(([key]) => !(whenKeys as readonly string[]).includes(key)),
  );

/**
 * A stored schedule with the time zone, or the alignment, of a change that brings no other schedule.
 *
 * @throws ConfigError when the schedule has no such part, is taken back, or is a function
 */
export function changeWhen(when: WhenJson, change: BeatChange): WhenJson {
  const gone = ways.find((way) => way in change);
  if (gone)
    throw new ConfigError(
      `an entry needs one of every, cron and schedule, so ${gone} cannot be taken back; give the schedule that takes its place`,
    );
  const { timezone, align } = change;
  let changed = when;
  if ('timezone' in change) changed = withPart(changed, 'timezone', timezone);
  if ('align' in change) changed = withPart(changed, 'align', align || undefined);
  return changed;
}

function withPart(when: WhenJson, part: keyof typeof parts, value: unknown): ScheduleJson {
  const kinds: readonly string[] = parts[part];
  if (!('v' in when) || !kinds.includes(when.kind)) {
    const own = 'v' in when ? String(scheduleFromJson(when)) : `the function ${when.name}`;
    throw new ConfigError(
      `${part} goes with ${kinds.join(' and ')}, and the schedule of this entry is ${own}`,
    );
  }
  const { [part]: _old, ...others } = when as ScheduleJson & { [P in typeof part]?: unknown };
  const changed = { ...others, ...(value !== undefined && { [part]: value }) };
  // Checks the value as well.
  return scheduleFromJson(changed as unknown as ScheduleJson).toJSON();
}
