/** `dtask top`: what goes on, live. */
import { setTimeout as pause } from 'node:timers/promises';
import { type App, ConfigError, type Duration } from '@dtask/core';
import { toMilliseconds } from '@dtask/core/internal';
import { Command } from 'commander';
import { onApp, withApp } from '../app-option.js';
import { print } from '../print.js';
import { drawAll } from '../top/draw.js';
import { Live } from '../top/live.js';
import { Sampler } from '../top/sample.js';
import { type Snapshot, snapshotOf } from '../top/snapshot.js';
import { firstView, withSnapshot } from '../top/view.js';

interface Options {
  app?: string;
  json?: boolean;
  once?: boolean;
  interval: Duration;
}

/** The shortest interval, in milliseconds: more often, workers would answer nothing else. */
const shortest = 100;
/** How wide text is that no terminal bounds. */
const widest = 160;

/** Makes the command. */
export function topCommand(): Command {
  return withApp(new Command('top'))
    .description(
      'Show workers, queues, rates, running tasks and the latest failures, live. Where the output is no terminal, once.',
    )
    .option('-d, --interval <time>', 'from one look to the next', '1s')
    .option('--once', 'print what there is, after one interval, and end')
    .addHelpText(
      'after',
      '\nKeys: q quit, s sort by name, busy or rate, p pause, 1-9 one queue, 0 all.',
    )
    .action((options: Options) => top(options));
}

async function top({ app: spec, json, once, interval: given }: Options): Promise<void> {
  const interval = toMilliseconds(given, 'interval');
  if (interval < shortest)
    throw new ConfigError(`interval must be at least ${shortest}ms, got ${given}`);
  await onApp(spec, async (app) => {
    if (!json && !once && process.stdout.isTTY) return new Live(new Sampler(app), interval).run();
    const snapshot = await lookTwice(app, interval);
    print(json, snapshot, () => text(snapshot));
  });
}

/** Rates need two looks. */
async function lookTwice(app: App, interval: number): Promise<Snapshot> {
  const sampler = new Sampler(app);
  const before = await sampler.look();
  await pause(interval);
  return snapshotOf(await sampler.look(), before);
}

const text = (snapshot: Snapshot): string =>
  drawAll(withSnapshot(firstView, snapshot), process.stdout.columns ?? widest).join('\n');
