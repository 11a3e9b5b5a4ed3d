/** `dtask call`: sends a task by its name. */
import { type App, type CallOptions, ConfigError } from '@dtask/core';
import { Command } from 'commander';
import { inspect } from 'node:util';
import { onApp, withApp } from '../app-option.js';
import { expiryOf, futureOf } from '../option-values.js';
import { print } from '../print.js';

interface Options extends Pick<CallOptions, 'queue' | 'countdown' | 'id'> {
  app?: string;
  json?: boolean;
  wait?: boolean;
  args?: string;
  eta?: string;
  expires?: string;
  priority?: string;
}

/** Makes the command. */
export function callCommand(): Command {
  return withApp(new Command('call'))
    .description(
      "Send a task by its name, and print its id. With -A, the task's own options hold and its arguments are checked, where the app has it.",
    )
    .argument('<task>', 'name of the task')
    .argument('[args...]', 'arguments: each is read as JSON, else taken as a string')
    .option('-a, --args <json>', 'all arguments, as a JSON array')
    .option('-q, --queue <name>', 'queue to send to')
    .option('--countdown <time>', "wait before it may start, such as '10s'")
    .option(
      '--eta <date>',
      "when it may start, such as '2027-01-31T09:00'; without an offset in the time zone of the app",
    )
    .option('--expires <time>', "when it is no longer wanted: in '1h', or a date")
    .option('--priority <n>', '0 (first) to 9 (last)')
    .option('--id <id>', "the task's id")
    .option('-w, --wait', 'wait for the result and print it')
    .addHelpText('after', '\nExample:\n  dtask call math.add 1 2 --wait')
    .action((name: string, given: string[], options: Options) => call(name, given, options));
}

async function call(name: string, given: string[], options: Options): Promise<void> {
  const { app: spec, json, wait, args, eta, expires, priority, ...rest } = options;
  const values = args === undefined ? given.map(value) : list(args);
  const saidOn = ({ config: { timezone } }: App): CallOptions => ({
    ...rest,
    ...(eta !== undefined && { eta: etaOf(eta, timezone) }),
    ...(expires !== undefined && { expires: expiryOf(expires, timezone) }),
    ...(priority !== undefined && { priority: Number(priority) }),
  });
  const send = async (app: App): Promise<void> => {
    // What the task says of its queue, of being unique or of limits holds as it does in code.
    const task = app.tasks.find(name);
    const said = saidOn(app);
    const sent = await (task?.applyAsync(values, said) ?? app.sendTask(name, values, said));
    if (!wait) return print(json, { id: sent.id }, () => sent.id);
    const result = await sent.get();
    print(json, { id: sent.id, state: 'SUCCESS', result }, () => inspect(result, { depth: 6 }));
  };
  await onApp(spec, send, true);
}

/** A date; who means a wait from now is told how that is said. */
function etaOf(text: string, zone: string): Date {
  const [wait] = /^\s*\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w)\s*$/.exec(text) ?? [];
  if (wait === undefined) return futureOf(text, '--eta', zone);
  throw new ConfigError(
    `--eta is a date, got ${text}; for a wait from now: --countdown ${wait.trim()}`,
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

function list(text: string): unknown[] {
  const values = value(text);
  if (Array.isArray(values)) return values;
  throw new ConfigError(`--args must be a JSON array such as '[1, 2]', got ${text}`);
}
