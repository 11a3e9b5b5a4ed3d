/**
 * Measures dtask against plain BullMQ on the same Redis: `npm run bench -- [--short] [--only name]
 * [--json file] [--page file]`.
 *
 * Exits with 1 where a bar is missed; with `--short`, which is for machines that are busy, only where
 * a bar is missed that rests on counts.
 */
// @ts-check
import { writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { backlog } from './scenarios/backlog.mjs';
import { beat } from './scenarios/beat.mjs';
import { blocked } from './scenarios/blocked.mjs';
import { bytes } from './scenarios/bytes.mjs';
import { canvas } from './scenarios/canvas.mjs';
import { celery } from './scenarios/celery.mjs';
import { commands } from './scenarios/commands.mjs';
import { delays } from './scenarios/delays.mjs';
import { kill } from './scenarios/kill.mjs';
import { map } from './scenarios/map.mjs';
import { memory } from './scenarios/memory.mjs';
import { packing } from './scenarios/packing.mjs';
import { pools } from './scenarios/pools.mjs';
import { watching } from './scenarios/watching.mjs';
import { recovery } from './scenarios/recovery.mjs';
import { results } from './scenarios/results.mjs';
import { roundTrip } from './scenarios/round-trip.mjs';
import { sending } from './scenarios/sending.mjs';
import { shards } from './scenarios/shards.mjs';
import { start } from './scenarios/start.mjs';
import { throughput } from './scenarios/throughput.mjs';
import { waiting } from './scenarios/waiting.mjs';
import { page } from './page.mjs';
import { Server } from './server.mjs';
import { barLine, layOut } from './text.mjs';

/**
 * @typedef {{ server: Server, short: boolean }} Place what a scenario has to measure with
 * @typedef {{ tables: import('./text.mjs').Table[], bars: import('./text.mjs').Bar[], data: unknown }} Findings
 * @typedef {{ name: string, title: string, run: (place: Place) => Promise<Findings> }} Scenario
 * @typedef {Findings & { name: string, title: string, seconds: number }} Found
 */

/** @type {readonly Scenario[]} */
const scenarios = [
  throughput,
  results,
  celery,
  watching,
  sending,
  roundTrip,
  waiting,
  delays,
  canvas,
  map,
  packing,
  commands,
  bytes,
  start,
  recovery,
  pools,
  blocked,
  kill,
  beat,
  backlog,
  memory,
  shards,
];

/** Nothing here takes longer; a bench that hangs is worse than none. */
const longest = 45 * 60_000;

const { short, only, json, page: pageFile } = readArguments();
const giveUp = setTimeout(() => {
  console.error(`bench: not done after ${longest / 60_000} minutes`);
  process.exit(1);
}, longest);
const began = performance.now();
const server = await Server.start();
const load = loadavg()[0] ?? 0;
console.log(
  `${server.name}, Node ${process.versions.node}, ${availableParallelism()} cores, load ${load.toFixed(1)}${short ? ', short' : ''}`,
);
try {
  const found = [];
  for (const scenario of scenarios.filter(({ name }) => only.length === 0 || only.includes(name))) {
    found.push(await runOne(scenario));
  }
  conclude(found);
} finally {
  await server.stop();
  clearTimeout(giveUp);
}

/** @param {Scenario} scenario */
async function runOne({ name, title, run }) {
  const since = performance.now();
  console.log(`\n${name}: ${title}\n`);
  await server.empty();
  const { tables, bars, data } = await run({ server, short });
  for (const table of tables) console.log(`${layOut(table)}\n`);
  for (const bar of bars) console.log(barLine(bar));
  const seconds = (performance.now() - since) / 1_000;
  console.log(`  (${seconds.toFixed(1)} s)`);
  return { name, title, tables, bars, data, seconds };
}

/** @param {Awaited<ReturnType<typeof runOne>>[]} found */
function conclude(found) {
  const bars = found.flatMap(({ name, bars: some }) => some.map((bar) => ({ name, ...bar })));
  const missed = bars.filter(({ met }) => !met);
  const failed = missed.filter(({ kind }) => !short || kind === 'count');
  const seconds = (performance.now() - began) / 1_000;
  console.log(
    `\n${bars.length - missed.length} of ${bars.length} bars met, in ${seconds.toFixed(0)} s`,
  );
  for (const bar of missed) console.log(`${barLine(bar)} (${bar.name})`);
  if (short && missed.length > failed.length)
    console.log('  Bars on time count only in the full run, on a calm machine.');
  const all = {
    server: server.name,
    node: process.versions.node,
    cores: availableParallelism(),
    load,
    short,
    seconds,
    scenarios: found,
  };
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(all, null, 2)}\n`);
  if (pageFile !== undefined) writeFileSync(pageFile, page(all));
  if (failed.length > 0) process.exitCode = 1;
}

function readArguments() {
  const names = scenarios.map(({ name }) => name);
  const usage = `usage: npm run bench -- [--short] [--json file] [--page file] [--only name]...\nnames: ${names.join(', ')}`;
  try {
    const { values } = parseArgs({
      options: {
        short: { type: 'boolean' },
        json: { type: 'string' },
        page: { type: 'string' },
        only: { type: 'string', multiple: true },
      },
    });
    const unknown = values.only?.find((name) => !names.includes(name));
    if (unknown === undefined)
      return { ...values, short: values.short === true, only: values.only ?? [] };
    console.error(`bench: there is no scenario ${unknown}\n${usage}`);
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
  return process.exit(2);
}
