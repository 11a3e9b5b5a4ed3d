/** `dtask failed`: looks at the tasks that have failed, retries and drops them. */
import { type App, ConfigError, type FailedFilter, type FailedTask } from '@dtask/core';
import { Command } from 'commander';
import { onApp, withApp } from '../app-option.js';
import { confirm } from '../confirm.js';
import { failedList, failedTask } from '../failed-text.js';
import { countOf, pointOf } from '../option-values.js';
import { print } from '../print.js';

interface Options {
  app?: string;
  json?: boolean;
  task?: string;
  queue?: string;
  since?: string;
  until?: string;
  error?: string;
  limit?: string;
  all?: boolean;
  force?: boolean;
}

/** How many are listed unless `--limit` says otherwise. */
const page = 20;

/** Makes the command. */
export function failedCommand(): Command {
  const command = new Command('failed').description(
    'Look at the tasks that have failed and are kept; retry them or drop them.',
  );
  command.addCommand(listCommand());
  command.addCommand(showCommand());
  command.addCommand(changeCommand('retry', 'Put failed tasks back into their queues.', retry));
  command.addCommand(changeCommand('drop', 'Remove failed tasks for good.', drop));
  return command;
}

function listCommand(): Command {
  return withFilter(withApp(new Command('list')))
    .description('List failed tasks, newest first.')
    .option('--limit <n>', 'at most this many', String(page))
    .addHelpText('after', "\nExample:\n  dtask failed list --task 'image.*' --since 2h")
    .action((options: Options) =>
      onApp(options.app, async ({ failed, config }) => {
        const { limit = page, ...filter } = filterOf(options, config.timezone);
        const found: FailedTask[] = [];
        // One more tells whether there are more.
        for await (const task of failed.list({ ...filter, limit: limit + 1 })) found.push(task);
        const more = found.splice(limit).length > 0;
        print(options.json, found, () => failedList(found));
        if (more)
          console.error(
            `dtask: there are more than these ${limit}; --limit ${limit * 10} shows more`,
          );
      }),
    );
}

function showCommand(): Command {
  return withApp(new Command('show'))
    .description('Show all that is known of a failed task.')
    .argument('<id>', "the task's id")
    .action((id: string, { app: spec, json }: Options) =>
      onApp(spec, async ({ failed }) => {
        const task = await failed.show(id);
        if (!task) throw unknown(id);
        print(json, task, () => failedTask(task));
      }),
    );
}

/** A command that changes one task, or all that a filter picks. */
function changeCommand(
  name: 'retry' | 'drop',
  description: string,
  change: (app: App, which: string | FailedFilter, json: boolean | undefined) => Promise<void>,
): Command {
  return withFilter(withApp(new Command(name)))
    .description(description)
    .argument('[id]', "the task's id; without it, a filter or --all")
    .option('--limit <n>', 'at most this many, the newest')
    .option('--all', 'every failed task')
    .option('-f, --force', 'do not ask')
    .addHelpText('after', `\nExample:\n  dtask failed ${name} --task 'mail.*' --error ECONNREFUSED`)
    .action((id: string | undefined, options: Options) =>
      onApp(options.app, async (app) => {
        const which = target(name, id, options, app.config.timezone);
        if (typeof which !== 'string' && !options.force) await ask(app, name, which);
        await change(app, which, options.json);
      }),
    );
}

async function retry(
  { failed }: App,
  which: string | FailedFilter,
  json: boolean | undefined,
): Promise<void> {
  if (typeof which === 'string') {
    if (!(await failed.retry(which))) throw unknown(which);
    return print(json, { retried: 1, damaged: 0 }, () => `${which} went back to its queue`);
  }
  const count = await failed.retry(which);
  print(json, count, () => `${tasks(count.retried)} went back`);
  if (count.damaged === 0) return;
  console.error(
    `dtask: ${tasks(count.damaged)} not retried, because damaged; dtask failed list shows which, dtask failed drop <id> removes one`,
  );
  process.exitCode = 1;
}

async function drop(
  { failed }: App,
  which: string | FailedFilter,
  json: boolean | undefined,
): Promise<void> {
  if (typeof which === 'string') {
    if (!(await failed.drop(which))) throw unknown(which);
    return print(json, { dropped: 1 }, () => `${which} was dropped`);
  }
  const dropped = await failed.drop(which);
  print(json, { dropped }, () => `${tasks(dropped)} dropped`);
}

/** What is to be changed; never everything by mistake. */
function target(
  name: string,
  id: string | undefined,
  options: Options,
  zone: string,
): string | FailedFilter {
  const filter = filterOf(options, zone);
  const filtered = Object.keys(filter).length > 0;
  const given = [id !== undefined, filtered, options.all === true].filter(Boolean).length;
  if (given === 1) return id ?? filter;
  const choices = 'an id, filters such as --task, or --all';
  if (given === 0) throw new ConfigError(`failed ${name} takes ${choices}`);
  throw new ConfigError(`failed ${name} takes one of: ${choices}`);
}

async function ask({ failed }: App, name: string, filter: FailedFilter): Promise<void> {
  // Counted only for those who can read it.
  const count = process.stdin.isTTY ? await failed.count(filter) : 0;
  if (process.stdin.isTTY && count === 0) return;
  await confirm(`failed ${name}`, `${name === 'drop' ? 'Drop' : 'Retry'} ${tasks(count)}?`);
}

function withFilter(command: Command): Command {
  return command
    .option('--task <name>', "name of the task; * stands for anything: 'image.*'")
    .option('--queue <name>', 'queue in which they failed')
    .option(
      '--since <time>',
      "failed then or later: '2h' ago, or a date, in the app's time zone where it names none",
    )
    .option('--until <time>', 'failed then or earlier')
    .option('--error <text>', "a part of the error's name or message");
}

function filterOf(
  { task, queue, since, until, error, limit }: Options,
  zone: string,
): FailedFilter {
  return {
    ...(task !== undefined && { task }),
    ...(queue !== undefined && { queue }),
    ...(since !== undefined && { since: pointOf(since, '--since', zone) }),
    ...(until !== undefined && { until: pointOf(until, '--until', zone) }),
    ...(error !== undefined && { error }),
    ...(limit !== undefined && { limit: countOf(limit, '--limit') }),
  };
}

const unknown = (id: string): ConfigError =>
  new ConfigError(`no failed task has the id ${id}; dtask result ${id} says what became of it`);

const tasks = (count: number): string => `${count} failed ${count === 1 ? 'task' : 'tasks'}`;
