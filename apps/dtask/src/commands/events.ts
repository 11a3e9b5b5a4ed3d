/** `dtask events`: prints what happens, as it happens. */
import type { DtaskEvent, EventsOptions, EventType } from '@dtask/core';
import { brief, eventTypes, formatMilliseconds } from '@dtask/core/internal';
import { Command } from 'commander';
import pc from 'picocolors';
import { onApp, withApp } from '../app-option.js';
import { listed } from '../command-names.js';
import { countOf, pointOf } from '../option-values.js';
import { oneLine } from '../printable.js';

interface Options {
  app?: string;
  json?: boolean;
  types?: string;
  tasks?: string;
  workers?: string;
  since?: string;
  count?: string;
  list?: boolean;
}

/** Makes the command. */
export function eventsCommand(): Command {
  return withApp(new Command('events'))
    .description(
      'Print what happens to tasks and workers, a line for each. Workers tell when they run with -E, or after `dtask control enable-events`.',
    )
    .option('--types <types>', 'events to print, parted by commas; see --list')
    .option('--tasks <names>', 'tasks whose events to print, parted by commas')
    .option('-w, --workers <names>', 'workers whose events to print, parted by commas')
    .option(
      '-s, --since <when>',
      "now, start, a date (in the app's time zone where it names none), or how long ago, such as '10m' (default: now)",
    )
    .option('-n, --count <n>', 'end after so many')
    .option('-l, --list', 'list the types of events')
    .addHelpText('after', '\nExample:\n  dtask events --types task-failed,task-retried --since 1h')
    .action((options: Options) => events(options));
}

async function events(options: Options): Promise<void> {
  if (options.list) return console.log(listed(eventTypes));
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  let left =
    options.count === undefined ? Number.POSITIVE_INFINITY : countOf(options.count, '--count');
  await onApp(options.app, async (app) => {
    for await (const event of app.events({
      ...wanted(options, app.config.timezone),
      signal: ended.signal,
    })) {
      console.log(options.json ? JSON.stringify(event) : line(event));
      if ((left -= 1) <= 0) break;
    }
  });
}

function wanted({ types, tasks, workers, since }: Options, zone: string): EventsOptions {
  return {
    ...(types !== undefined && { types: names(types) as EventType[] }),
    ...(tasks !== undefined && { tasks: names(tasks) }),
    ...(workers !== undefined && { workers: names(workers) }),
    ...(since !== undefined && { since: when(since, zone) }),
  };
}

const names = (text: string): string[] => text.split(',').map((name) => name.trim());

function when(text: string, zone: string): NonNullable<EventsOptions['since']> {
  if (text === 'now' || text === 'start') return text;
  return pointOf(text, '--since', zone, 'now, start, ');
}

const colours: Readonly<Partial<Record<EventType, (text: string) => string>>> = {
  'task-succeeded': pc.green,
  'task-failed': pc.red,
  'task-retried': pc.yellow,
  'task-rejected': pc.red,
  'task-revoked': pc.magenta,
  'worker-online': pc.cyan,
  'worker-heartbeat': pc.dim,
  'worker-offline': pc.cyan,
};

/** The widest type, so that what follows stands in a column. */
const width = Math.max(...Object.keys(eventTypes).map((type) => type.length));

function line(event: DtaskEvent): string {
  const { type, at } = event;
  const time = pc.dim(at.toISOString().slice(11, 23));
  const colour = colours[type] ?? ((text: string) => text);
  const who = 'id' in event ? `${event.name}[${event.id}]` : event.worker;
  const said = oneLine(details(event));
  return `${time}  ${colour(type.padEnd(width))}  ${oneLine(who)}${said === '' ? '' : `  ${said}`}`;
}

/** What an event says beyond which task it is. */
function details(event: DtaskEvent): string {
  switch (event.type) {
    case 'task-sent':
    case 'task-received':
      return `(${event.args}) ${event.queue}`;
    case 'task-progress':
      return `${event.state} ${event.details}`;
    case 'task-succeeded':
      return `${event.result} in ${formatMilliseconds(event.runtime)}`;
    case 'task-failed':
    case 'task-rejected':
      return event.error;
    case 'task-retried':
      return `${event.error}; again in ${formatMilliseconds(event.wait)}`;
    case 'task-revoked':
      return event.reason;
    case 'task-custom':
      return `${event.event} ${brief(event.fields)}`;
    case 'worker-online':
      return `${event.queues.join(', ')}, ${event.concurrency} at a time`;
    case 'worker-heartbeat':
      return `${event.active} active, ${event.processed} done, load ${event.loadavg[0]?.toFixed(2) ?? '?'}`;
    case 'task-started':
      return `on ${event.worker}${event.retries > 0 ? `, retry ${event.retries}` : ''}`;
    case 'task-ignored':
    case 'task-replaced':
    case 'worker-offline':
      return '';
  }
}
