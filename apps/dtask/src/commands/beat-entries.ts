/** `dtask beat list`, `show`, `add` and so on: periodic tasks, at run time. */
import { inspect } from 'node:util';
import {
  type AnyBeatEntry,
  type App,
  type BeatInfo,
  type CheckedEntry,
  ConfigError,
} from '@dtask/core';
import { Command } from 'commander';
import { type EntryFlags, entryOf, withEntryFlags } from '../beat/entry-flags.js';
import { entryFacts, entryList, whenNext } from '../beat/entry-text.js';
import { type BeatFlags, onLoadedApp, withBeatApp } from '../beat/loaded-app.js';
import { print } from '../print.js';

interface RunFlags extends BeatFlags {
  wait?: boolean;
}

interface ChangeFlags extends BeatFlags, EntryFlags {
  unset?: string;
}

/** Makes the commands. */
export function entryCommands(): Command[] {
  return [
    listCommand(),
    showCommand(),
    addCommand(),
    changeCommand(),
    stateCommand('pause', 'Let an entry fire no more until it is resumed, whatever the code says.'),
    stateCommand('resume', 'Let an entry fire again, from now on.'),
    removeCommand(),
    runCommand(),
  ];
}

const named = (name: string, description: string): Command =>
  withBeatApp(new Command(name)).description(description).option('--json', 'print JSON');

function listCommand(): Command {
  const command = named(
    'list',
    'List the periodic tasks, those of the code and those added at run time.',
  );
  return command.action(({ json }: BeatFlags) =>
    onLoadedApp(command, async (app) => {
      const entries = await app.beat.list();
      print(json, entries, () => entryList(entries));
      noteMissing(app, entries);
    }),
  );
}

/** The code's entries are in Redis only when a beat has taken them up. */
function noteMissing(app: App, entries: readonly BeatInfo[]): void {
  const there = new Set(entries.map(({ name }) => name));
  const missing = [...app.deck.entries.keys()].filter((name) => !there.has(name));
  if (missing.length === 0) return;
  console.error(
    `dtask: ${missing.length === 1 ? 'an entry' : `${missing.length} entries`} of the code will be there when a beat with this code runs: ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}`,
  );
}

function showCommand(): Command {
  const command = named('show', 'Show all that is known of an entry.').argument(
    '<name>',
    "the entry's name",
  );
  return command.action((name: string, { json }: BeatFlags) =>
    onLoadedApp(command, async ({ beat }) => {
      const entry = await beat.get(name);
      if (!entry)
        throw new ConfigError(`there is no beat entry ${name}; dtask beat list shows them`);
      print(json, entry, () => entryFacts(entry));
    }),
  );
}

function addCommand(): Command {
  const command = withEntryFlags(
    named('add', 'Add an entry. It stays until it is removed.').argument('<name>', 'a name for it'),
  ).addHelpText(
    'after',
    "\nExamples:\n  dtask beat add reminder -A app --task mail.remind --args '[42]' --cron '0 9 * * mon-fri'\n  dtask beat add lamps -A app --task lamps.on --solar sunset,48.86,2.35",
  );
  return command.action((name: string, { app: _app, json, ...flags }: BeatFlags & EntryFlags) => {
    if (flags.task === undefined)
      throw new ConfigError('beat add needs --task, the name of the task that is to be sent');
    return onLoadedApp(command, async ({ beat, tasks, config }) => {
      const entry = entryOf(flags, config.timezone);
      const added = await beat.add<string>(name, entry as CheckedEntry<string>);
      print(json, added, () => whenNext(added));
      if (!tasks.names().includes(added.task))
        console.error(
          `dtask: this app has no task ${added.task}; a worker that has one is to take it`,
        );
    });
  });
}

function changeCommand(): Command {
  const command = withEntryFlags(
    named('change', 'Change some options of an entry. The others stay.').argument(
      '<name>',
      "the entry's name",
    ),
  )
    .option('--unset <options>', 'options to take back, parted by commas')
    .addHelpText(
      'after',
      '\nExample:\n  dtask beat change reminder -A app --every 2h --unset limit,jitter',
    );
  return command.action((name: string, { app: _app, json, unset = '', ...flags }: ChangeFlags) => {
    const taken = unset
      .split(',')
      .map((key) => key.trim())
      .filter(Boolean);
    if (taken.length === 0 && Object.keys(flags).length === 0)
      throw new ConfigError('beat change needs something to change; see dtask beat change --help');
    return onLoadedApp(command, async ({ beat, config }) => {
      const change = {
        ...Object.fromEntries(taken.map((key) => [key, undefined])),
        ...entryOf(flags, config.timezone),
      };
      const changed = await beat.change(name, change as Partial<AnyBeatEntry>);
      print(json, changed, () => whenNext(changed));
    });
  });
}

function stateCommand(word: 'pause' | 'resume', description: string): Command {
  const command = named(word, description).argument('<name>', "the entry's name");
  return command.action((name: string, { json }: BeatFlags) =>
    onLoadedApp(command, async ({ beat }) => {
      const info = await beat[word](name);
      print(json, info, () => whenNext(info));
    }),
  );
}

function removeCommand(): Command {
  const command = named('remove', 'Remove an entry that was added at run time.').argument(
    '<name>',
    "the entry's name",
  );
  return command.action((name: string, { json }: BeatFlags) =>
    onLoadedApp(command, async ({ beat }) => {
      await beat.remove(name);
      print(json, { removed: name }, () => `${name} was removed`);
    }),
  );
}

function runCommand(): Command {
  const command = named(
    'run',
    'Send now what an entry sends, beside its schedule, and print its id.',
  )
    .argument('<name>', "the entry's name")
    .option('-w, --wait', 'wait for the result and print it');
  return command.action((name: string, { json, wait }: RunFlags) =>
    onLoadedApp(command, async ({ beat }) => {
      const sent = await beat.run(name);
      if (!wait) return print(json, { id: sent.id }, () => sent.id);
      const result = await sent.get();
      print(json, { id: sent.id, state: 'SUCCESS', result }, () => inspect(result, { depth: 6 }));
    }),
  );
}
