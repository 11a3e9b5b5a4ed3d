/** What `dtask beat --plan` prints. */
import type { BeatInfo } from '@dtask/core';
import type { Forecast } from '@dtask/worker/forecast';
import pc from 'picocolors';
import { ahead, machineZone, wallClock } from '../moments.js';
import { oneLine } from '../printable.js';
import { stateOf } from './entry-text.js';

/** The entries, each with a line for each of its fires: on the clock of its zone, and in UTC. */
export function planText(plan: readonly Forecast[], timezone: string): string {
  if (plan.length === 0)
    return 'no entries; an app has them in its option beat, in the options of its tasks, or by addPeriodicTask';
  return plan.map((each) => entryText(each, timezone)).join('\n\n');
}

function entryText({ info, fires }: Forecast, timezone: string): string {
  const { name, task, schedule } = info;
  const zone = zoneOf(info, timezone);
  const state = stateOf(info);
  const notes = [
    ...(info.source === 'runtime' ? ['added at run time'] : []),
    ...(state === 'ok' || state === 'done' ? [] : [state]),
  ];
  const heading = [
    pc.bold(oneLine(name)),
    oneLine(task),
    pc.dim(oneLine(schedule)),
    ...(notes.length > 0 ? [pc.yellow(notes.join(', '))] : []),
  ];
  const lines = fires.map((date) => {
    const [day, time] = wallClock(date, zone).split('T');
    return `  ${day} ${time} ${zone}  ${utc(date)}  ${pc.dim(ahead(date))}`;
  });
  return [heading.join('  '), ...(lines.length > 0 ? lines : [`  ${silence(info)}`])].join('\n');
}

/** Why it does not fire. */
const silence = ({ paused, error, runs }: BeatInfo): string => {
  if (paused) return 'does not fire: it is paused';
  if (error !== undefined) return 'does not fire';
  return `${runs > 0 ? 'fires no more' : 'never fires'}: its schedule has no tick from now on`;
};

/** The same for programs. */
export function planJson(plan: readonly Forecast[], timezone: string): unknown {
  return plan.map(({ info, fires }) => {
    const zone = zoneOf(info, timezone);
    const { name, task, schedule, source, paused, changed, error } = info;
    return {
      name,
      task,
      schedule,
      source,
      paused,
      changed,
      ...(error !== undefined && { error }),
      timezone: zone,
      fires: fires.map((date) => ({ utc: date.toISOString(), local: wallClock(date, zone) })),
    };
  });
}

/** Whose clock is the one to look at: the entry's own, else this machine's. */
function zoneOf({ entry }: BeatInfo, timezone: string): string {
  const when = entry?.when;
  const isWall = when?.kind === 'cron' || when?.kind === 'crontab';
  const zone = isWall ? (when.timezone ?? timezone) : 'UTC';
  return zone === 'UTC' ? machineZone() : zone;
}

/** To the second, and finer only where it is. */
const utc = (date: Date): string => date.toISOString().replace('.000Z', 'Z');
