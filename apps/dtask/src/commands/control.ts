/** `dtask control`: tells workers what to do. */
import {
  type Answers,
  type App,
  type AskOptions,
  ConfigError,
  type Duration,
  type RateLimit,
  type Revocation,
} from '@dtask/core';
import { controlCommands } from '@dtask/core/internal';
import { Command } from 'commander';
import { printAnswers } from '../answers.js';
import { onApp } from '../app-option.js';
import { type AskFlags, withAsk } from '../ask-options.js';
import { listed, named, typed } from '../command-names.js';
import { print } from '../print.js';
import { callRoll, type Missing } from '../roll-call.js';

interface Options extends AskFlags {
  list?: boolean;
  terminate?: boolean;
  expires?: Duration;
}

/** What a command was given. */
interface Given {
  readonly app: App;
  readonly words: readonly string[];
  readonly ask: AskOptions;
  readonly options: Options;
}

type Name = keyof typeof controlCommands;
type Answer = Answers<unknown> | Revocation;

/** Makes the command. */
export function controlCommand(): Command {
  return withAsk(new Command('control'))
    .description(
      'Tell the live workers what to do, and end tasks. Exits with 69 where a worker does not answer that should.',
    )
    .argument('[command]', "what to do; see --list, or a command of the app's own")
    .argument('[args...]', "what the command takes; for the app's own name=value, read as JSON")
    .option('-l, --list', 'list the commands')
    .option('--terminate', 'revoke: also kill tasks that run')
    .option('--expires <time>', 'revoke-by-headers, -group, -root: how long it holds (default: 1d)')
    .addHelpText(
      'after',
      '\nExamples:\n  dtask control revoke 7f0c... --terminate\n  dtask control rate-limit mail.send 100/m\n  dtask control shutdown -d shop@host.42',
    )
    .action((word: string | undefined, words: string[], options: Options) =>
      control(word, words, options),
    );
}

async function control(
  word: string | undefined,
  words: readonly string[],
  options: Options,
): Promise<void> {
  if (options.list) return console.log(listed(controlCommands));
  if (word === undefined)
    throw new ConfigError('control needs a command; dtask control --list shows them');
  const command = named(word, Object.keys(controlCommands)) as Name | undefined;
  await onApp(options.app, async (app) => {
    const run = async (ask: AskOptions): Promise<Answer> =>
      command
        ? runs[command]({ app, words, ask, options })
        : app.control.broadcast(word, fields(words), ask);
    const [answer, missing] = await callRoll(app, options, run, (given) =>
      isRevocation(given) ? given.workers : given,
    );
    if (isRevocation(answer)) printRevocation(options, command ?? word, answer, missing);
    else printAnswers(options, command ?? word, answer, missing);
  });
}

const isRevocation = (answer: Answer): answer is Revocation =>
  'removed' in answer && typeof answer.removed === 'number';

const runs: Readonly<Record<Name, (given: Given) => Promise<Answer>>> = {
  revoke: ({ app, words, ask, options: { terminate = false } }) =>
    app.control.revoke(some(words, 'revoke', 'ids of tasks'), { ...ask, terminate }),
  terminate: ({ app, words, ask }) =>
    app.control.terminate(some(words, 'terminate', 'ids of tasks'), ask),
  revokeByHeaders: ({ app, words, ask, options }) =>
    app.control.revokeByHeaders(
      fields(some(words, 'revokeByHeaders', 'headers such as tenant=acme')),
      { ...ask, ...rule(options) },
    ),
  revokeGroup: ({ app, words, ask, options }) =>
    app.control.revokeGroup(one(words, 'revokeGroup', "a group's id"), {
      ...ask,
      ...rule(options),
    }),
  revokeRoot: ({ app, words, ask, options }) =>
    app.control.revokeRoot(one(words, 'revokeRoot', "a task's id"), { ...ask, ...rule(options) }),
  rateLimit: ({ app, words: [task = '', limit], ask }) =>
    app.control.rateLimit(task, rate(none(need(limit, 'rateLimit', 'a task and a rate'))), ask),
  timeLimit: ({ app, words: [task = '', soft, hard], ask }) => {
    const first = none(need(soft, 'timeLimit', 'a task, a soft and a hard limit'));
    if (first === null && hard === undefined) return app.control.timeLimit(task, null, ask);
    const limits = {
      ...(first !== null && { soft: first as Duration }),
      ...(hard !== undefined && { hard: hard as Duration }),
    };
    return app.control.timeLimit(task, limits, ask);
  },
  addConsumer: ({ app, words, ask }) =>
    app.control.addConsumer(one(words, 'addConsumer', 'a queue'), ask),
  cancelConsumer: ({ app, words, ask }) =>
    app.control.cancelConsumer(one(words, 'cancelConsumer', 'a queue'), ask),
  poolGrow: ({ app, words: [count = '1'], ask }) => app.control.poolGrow(whole(count), ask),
  poolShrink: ({ app, words: [count = '1'], ask }) => app.control.poolShrink(whole(count), ask),
  poolRestart: ({ app, ask }) => app.control.poolRestart(ask),
  autoscale: ({ app, words: [max, min = '0'], ask }) =>
    app.control.autoscale(whole(need(max, 'autoscale', 'max and min')), whole(min), ask),
  enableEvents: ({ app, ask }) => app.control.enableEvents(ask),
  disableEvents: ({ app, ask }) => app.control.disableEvents(ask),
  heartbeat: ({ app, ask }) => app.control.heartbeat(ask),
  shutdown: ({ app, ask }) => app.control.shutdown(ask),
};

const rule = ({
  terminate = false,
  expires,
}: Options): { terminate: boolean; expires?: Duration } =>
  expires === undefined ? { terminate } : { terminate, expires };

/** Tasks that wait are ended without a worker; only those that run need one. */
function printRevocation(
  flags: Options,
  command: string,
  revocation: Revocation,
  missing: Missing,
): void {
  const { removed, running, workers } = revocation;
  const isRule = command !== 'revoke' && command !== 'terminate';
  const asked = Object.keys(workers).length + missing.silent.length + missing.absent.length;
  // A rule needs no worker to live, but each one that does has to hear of it.
  if (isRule ? asked > 0 : running > 0) {
    if (!flags.json) console.log(said(revocation));
    return printAnswers(flags, command, workers, missing, revocation);
  }
  print(flags.json, revocation, () => said(revocation));
  if (removed === 0 && !isRule) process.exitCode = 1;
}

const said = ({ removed, running }: Revocation): string =>
  removed + running === 0
    ? 'no task was there to end'
    : `${removed} taken out of their queues, ${running} running`;

/** A limit: `none` takes back what was set. */
const none = (word: string): string | null => (word === 'none' ? null : word);

/** A number alone is one. */
const rate = (word: string | null): RateLimit | null =>
  word !== null && /^[\d.]+$/.test(word) ? Number(word) : (word as RateLimit | null);

function need(word: string | undefined, command: Name, what: string): string {
  if (word !== undefined) return word;
  throw new ConfigError(`${typed(command)} needs ${what}`);
}

function whole(word: string): number {
  if (/^\d+$/.test(word)) return Number(word);
  throw new ConfigError(`a whole number is expected, got ${word}`);
}

const one = (words: readonly string[], command: Name, what: string): string =>
  need(words[0], command, what);

function some(words: readonly string[], command: Name, what: string): readonly string[] {
  need(words[0], command, what);
  return words;
}

/** `name=value`, the value read as JSON, else taken as a string. */
function fields(words: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, text] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
      if (name === undefined || text === undefined)
        throw new ConfigError(`arguments are given as name=value, got ${word}`);
      return [name, value(text)];
    }),
  );
}

function value(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A word without quotes is a string to anyone who types it.
    return text;
  }
}
