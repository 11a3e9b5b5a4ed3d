/** The flags that describe a periodic task, and the entry that they make. */
import {
  type AnyBeatEntry,
  ConfigError,
  crontab,
  type Duration,
  once,
  type Schedule,
  solar,
  type SolarEvent,
  type ZoneOptions,
} from '@dtask/core';
import { parseMoment } from '@dtask/core/internal';
import type { Command } from 'commander';
import { expiryOf, futureOf } from '../option-values.js';

/** What commander makes of them. */
export interface EntryFlags {
  task?: string;
  args?: string;
  every?: string;
  align?: boolean;
  cron?: string;
  crontab?: string;
  solar?: string;
  at?: string;
  timezone?: string;
  queue?: string;
  priority?: string;
  expires?: string;
  overlap?: string;
  misfire?: string;
  deadline?: string;
  jitter?: string;
  start?: string;
  end?: string;
  limit?: string;
  options?: string;
}

/** Adds them. */
export function withEntryFlags(command: Command): Command {
  return command
    .option('--task <name>', 'name of the task that it sends')
    .option('--args <json>', "the task's arguments, as a JSON array")
    .option('--every <time>', "a fixed rate, such as '5m'")
    .option('--align', 'with --every: at multiples of it, such as full hours')
    .option('--cron <line>', "a cron string, such as '0 9 * * mon-fri'")
    .option('--crontab <line>', "Celery's crontab: 'minute hour day month weekday', all must match")
    .option('--solar <event,lat,lon>', "what the sun does there, such as 'sunset,48.86,2.35'")
    .option(
      '--at <date>',
      "once, such as '2027-01-01T09:00'; dates without an offset are in the app's time zone",
    )
    .option('--timezone <zone>', "of --cron and --crontab (default: the app's)")
    .option('--queue <name>', "queue to send to (default: the task's)")
    .option('--priority <n>', '0 (first) to 9 (last)')
    .option('--expires <time>', "when what was sent is no longer wanted, such as '10m'")
    .option('--overlap <what>', 'while the task before has not ended: queue, skip or replace')
    .option('--misfire <what>', 'ticks that nobody was there for: once, all or skip')
    .option('--deadline <time>', 'a tick that is later than this is not sent')
    .option('--jitter <time>', 'send up to this much later, by chance')
    .option('--start <date>', 'the first instant that may be a tick: a date')
    .option('--end <date>', 'the first instant that may no more be one: a date')
    .option('--limit <n>', 'how many ticks there are in all')
    .option('--options <json>', 'further options of the call, as a JSON object');
}

/**
 * The entry that flags stand for.
 *
 * @param zone of the App: that of dates that name none
 * @throws ConfigError for what cannot be read; the rest is checked where the entry is stored
 */
export function entryOf(flags: EntryFlags, zone: string): Partial<AnyBeatEntry> {
  const { task, args, every, align, cron, queue, overlap, misfire, deadline, jitter } = flags;
  const { priority, limit, expires, start, end, options } = flags;
  return {
    ...(options !== undefined && objectOf(options)),
    ...(task !== undefined && { task }),
    ...(args !== undefined && { args: listOf(args) }),
    ...(every !== undefined && { every: every as Duration }),
    ...(align && { align }),
    ...(cron !== undefined && { cron }),
    ...scheduleOf(flags, zone),
    ...(queue !== undefined && { queue }),
    ...(priority !== undefined && { priority: numberOf(priority, '--priority') }),
    ...(expires !== undefined && { expires: expiryOf(expires, zone) }),
    ...(overlap !== undefined && { overlap: overlap as NonNullable<AnyBeatEntry['overlap']> }),
    ...(misfire !== undefined && { misfire: misfire as NonNullable<AnyBeatEntry['misfire']> }),
    ...(deadline !== undefined && { deadline: deadline as Duration }),
    ...(jitter !== undefined && { jitter: jitter as Duration }),
    ...(start !== undefined && { start: parseMoment(start, '--start', zone) }),
    ...(end !== undefined && { end: futureOf(end, '--end', zone) }),
    ...(limit !== undefined && { limit: numberOf(limit, '--limit') }),
  };
}

/** What of them makes a schedule, and the time zone, which goes with some. */
function scheduleOf(
  flags: EntryFlags,
  appZone: string,
): Pick<AnyBeatEntry, 'schedule' | 'timezone'> {
  const { timezone } = flags;
  const given = (['every', 'cron', 'crontab', 'solar', 'at'] as const).filter(
    (flag) => flags[flag] !== undefined,
  );
  if (given.length > 1)
    throw new ConfigError(
      `an entry has one schedule, got ${given.map((flag) => `--${flag}`).join(' and ')}`,
    );
  // Without a schedule they are a change of the one that there is.
  const [way] = given;
  if (timezone !== undefined && way !== undefined && way !== 'cron' && way !== 'crontab')
    throw new ConfigError(`--timezone goes with --cron or --crontab, not with --${way}`);
  if (flags.align && way !== undefined && way !== 'every')
    throw new ConfigError(`--align goes with --every, not with --${way}`);
  const zone: ZoneOptions = timezone === undefined ? {} : { timezone };
  const schedule = ownSchedule(flags, zone, appZone);
  if (schedule) return { schedule };
  return zone;
}

function ownSchedule(
  { crontab: line, solar: sun, at }: EntryFlags,
  zone: ZoneOptions,
  appZone: string,
): Schedule | undefined {
  if (line !== undefined) return crontab.fromString(line, zone);
  if (at !== undefined) return once(futureOf(at, '--at', appZone));
  if (sun === undefined) return undefined;
  const [event = '', latitude = '', longitude = '', ...more] = sun
    .split(',')
    .map((part) => part.trim());
  if (latitude === '' || longitude === '' || more.length > 0)
    throw new ConfigError(
      `--solar takes an event, a latitude and a longitude, such as 'sunset,48.86,2.35', got '${sun}'`,
    );
  return solar(event as SolarEvent, {
    latitude: numberOf(latitude, '--solar: latitude'),
    longitude: numberOf(longitude, '--solar: longitude'),
  });
}

function numberOf(text: string, flag: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number)) return number;
  throw new ConfigError(`${flag} must be a number, got '${text}'`);
}

function listOf(text: string): unknown[] {
  const value = parsed(text);
  if (Array.isArray(value)) return value;
  throw new ConfigError(`--args must be a JSON array such as '[1, 2]', got ${text}`);
}

function objectOf(text: string): object {
  const value = parsed(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new ConfigError(
    `--options must be a JSON object such as '{"headers": {"tenant": "acme"}}', got ${text}`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // What it is not, its flag's error says.
    return undefined;
  }
}
