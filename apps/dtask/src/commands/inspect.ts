/** `dtask inspect`: asks workers about themselves. */
import { type App, type Answers, type AskOptions, ConfigError } from '@dtask/core';
import { inspectCommands } from '@dtask/core/internal';
import { Command } from 'commander';
import { printAnswers } from '../answers.js';
import { onApp } from '../app-option.js';
import { type AskFlags, withAsk } from '../ask-options.js';
import { listed, named } from '../command-names.js';
import { callRoll } from '../roll-call.js';

interface Options extends AskFlags {
  list?: boolean;
}

type Name = keyof typeof inspectCommands;

/** Makes the command. */
export function inspectCommand(): Command {
  return withAsk(new Command('inspect'))
    .description(
      'Ask the live workers about themselves. Exits with 69 where none answers, as Celery does, or one does not that should.',
    )
    .argument('[command]', 'what to ask for; see --list')
    .argument('[ids...]', 'ids of tasks, for query-task')
    .option('-l, --list', 'list the commands')
    .addHelpText(
      'after',
      '\nExamples:\n  dtask inspect ping\n  dtask inspect active -d shop@host.42',
    )
    .action((word: string | undefined, ids: string[], options: Options) =>
      inspect(word, ids, options),
    );
}

async function inspect(word: string | undefined, ids: string[], options: Options): Promise<void> {
  if (options.list) return console.log(listed(inspectCommands));
  const command = nameOf(word);
  await onApp(options.app, async (app) => {
    const [answers, missing] = await callRoll(
      app,
      options,
      (given) => ask(app, command, ids, given),
      (given) => given,
    );
    printAnswers(options, command, answers, missing);
  });
}

function nameOf(word: string | undefined): Name {
  const found = word === undefined ? undefined : named(word, Object.keys(inspectCommands));
  if (found !== undefined) return found as Name;
  throw new ConfigError(
    `${word === undefined ? 'inspect needs a command' : `inspect has no command ${word}`}; dtask inspect --list shows them`,
  );
}

function ask(
  { inspect: workers }: App,
  command: Name,
  ids: string[],
  options: AskOptions,
): Promise<Answers<unknown>> {
  if (command !== 'queryTask') return workers[command](options);
  if (ids.length > 0) return workers.queryTask(ids, options);
  throw new ConfigError('query-task needs the id of at least one task');
}
