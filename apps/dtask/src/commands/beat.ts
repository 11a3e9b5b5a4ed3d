/** `dtask beat`: sends the periodic tasks of an app; looks at its entries and changes them. */
import { setTimeout as pause } from 'node:timers/promises';
import { type App, BrokerError, ConfigError } from '@dtask/core';
import { parseAddress, redactAddress } from '@dtask/core/internal';
import { Command } from 'commander';
import { type BeatFlags, onLoadedApp, specOf, withBeatApp } from '../beat/loaded-app.js';
import { listens } from '../listens.js';
import { print } from '../print.js';
import { entryCommands } from './beat-entries.js';
import { withWorkerFlags } from './worker.js';

interface Options extends BeatFlags {
  logLevel?: string;
  plan?: string | true;
}

/** How many fires of each entry are printed unless `--plan` says otherwise. */
const fires = 5;
/**
 * Longest wait for Redis to tell of entries that the code does not have, in milliseconds. One that
 * is not there at all is not waited for.
 */
const patience = 1_000;

/** Makes the command. */
export function beatCommand(): Command {
  const command = withWorkerFlags(withBeatApp(new Command('beat')), ['logLevel'])
    .description(
      'Send the periodic tasks of an app when they are due. Any number of beats may run: one of them sends, and another one when that is gone.',
    )
    .usage('-A <module> [options]\n       dtask beat -A <module> <command>')
    .option(
      '--plan [n]',
      `print the next fires of each entry, and send nothing (default: ${fires})`,
    )
    .option('--json', 'with --plan: print JSON')
    // One that there is none of; the others never come here.
    .argument('[command]')
    .action((word: string | undefined, options: Options) => beat(word, options, command));
  for (const entryCommand of entryCommands()) command.addCommand(entryCommand);
  return command;
}

async function beat(
  word: string | undefined,
  { plan, json, logLevel }: Options,
  command: Command,
): Promise<void> {
  if (word !== undefined)
    throw new ConfigError(`dtask beat has no command ${word}; dtask beat --help shows them`);
  if (plan !== undefined) {
    const count = countOf(plan);
    return onLoadedApp(command, (app) => printPlan(app, count, json));
  }
  const { configOf } = await import('../fleet/worker-flags.js');
  const { logLevel: level } = configOf({ logLevel });
  const { runBeat } = await import('../work/run-beat.js');
  return runBeat({ app: specOf(command), logLevel: level });
}

async function printPlan(app: App, count: number, json: boolean | undefined): Promise<void> {
  const { forecast } = await import('@dtask/worker/forecast');
  const { planJson, planText } = await import('../beat/plan-text.js');
  // Those of the code first: what is wrong with them shows without Redis.
  const { timezone, broker } = app.config;
  const alone = forecast(app, [], { now: Date.now(), count });
  const stored = await storedEntries(app);
  if (!stored)
    console.error(
      `dtask: Redis at ${redactAddress(broker)} does not answer, so what was added, changed or paused at run time is missing: these are the entries of the code alone`,
    );
  const plan = stored ? forecast(app, stored, { now: Date.now(), count }) : alone;
  print(json, planJson(plan, timezone), () => planText(plan, timezone));
}

/** What Redis has of the entries. */
type StoredEntries = Awaited<ReturnType<App['beat']['stored']>>;

/** The entries in Redis, if it tells of them soon. */
async function storedEntries(app: App): Promise<StoredEntries | undefined> {
  const address = parseAddress(app.config.broker);
  const nodes = address.via?.seeds ?? [address];
  const answers = Promise.all(nodes.map(({ host, port }) => listens(host, port)));
  const stored = answers.then((all) => (all.includes(true) ? entriesOf(app) : undefined));
  const late = new AbortController();
  const silence = pause(patience, undefined, { signal: late.signal }).catch(() => undefined);
  try {
    return await Promise.race([stored, silence]);
  } finally {
    late.abort();
  }
}

/** The App would try for longer than anybody wants to wait for a plan: what it says last does not count. */
function entriesOf({ beat: entries }: App): Promise<StoredEntries | undefined> {
  return entries.stored().catch((error: unknown) => {
    if (error instanceof BrokerError) return undefined;
    throw error;
  });
}

function countOf(plan: string | true): number {
  if (plan === true) return fires;
  if (/^[1-9]\d{0,3}$/.test(plan)) return Number(plan);
  throw new ConfigError(`--plan must be a whole number from 1 to 9999, got ${plan}`);
}
