/**
 * The demo: statistics of flight delays, computed by two workers, one of which is killed on the way.
 *
 * It exits with 0 only when every number is exactly the one that a single process computes.
 */
import { App } from 'dtask';
import { computeAlone } from './alone.js';
import { Cluster } from './cluster.js';
import { Job } from './job.js';
import { Narrator } from './narrator.js';
import { happenings, originsTable, timesTable } from './report.js';
import { bar, elapsed, paint, Screen, seconds } from './screen.js';
import { firstDifference, type Statistics, statisticsOf } from './statistics.js';
import type { Summaries } from './summary.js';
import { summarise } from './tasks.js';

/** Statistics of the whole job by group: those of the flights by time, and by origin. */
interface Outcome {
  readonly times: Map<string, Statistics>;
  readonly origins: Map<string, Statistics>;
}

const screen = new Screen();
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(new Error(`stopped by ${signal}`)));
}

try {
  process.exitCode = await demo(interruption.signal);
} catch (error) {
  screen.end();
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = interruption.signal.aborted ? 130 : 1;
}

async function demo(signal: AbortSignal): Promise<number> {
  screen.print(
    `\n${paint('bold', 'dtask demo')}: flight delays, by two workers, one of which is killed on the way\n`,
  );
  const { outcome, story } = await computeTogether(signal);
  const checkedFrom = performance.now();
  screen.event('checking', 'against the same computation in one process, without dtask');
  const expected = await computeInOneProcess(signal);
  const alone = performance.now() - checkedFrom;
  screen.print(`\n${page(outcome)}\n\n${story}`);
  screen.print(
    `  ${paint('dim', 'in all'.padEnd(10))} ${seconds(elapsed())}, of which ${seconds(alone)} for the check\n`,
  );
  return verdict(outcome, expected);
}

/** Runs the job on an engine and workers of its own. */
async function computeTogether(signal: AbortSignal): Promise<{ outcome: Outcome; story: string }> {
  await using cluster = await Cluster.start(['w1', 'w2'], signal, (what, text) =>
    screen.event(what, text),
  );
  const { engine, workers } = cluster;
  await using app = new App('flights', { broker: engine.url, tasks: [summarise] });
  const job = new Job(workers, new Narrator(screen, workers));
  screen.event('sent', `${job.chunks.length} tasks by the app ${app.name}`);
  const began = performance.now();
  await cluster.during(job.run());
  screen.end();
  const took = performance.now() - began;
  screen.event('done', `${job.done} of ${job.chunks.length} chunks`, 'green');
  const { times, origins } = job.merged;
  return { outcome: outcomeOf(times, origins), story: happenings(job, took) };
}

async function computeInOneProcess(signal: AbortSignal): Promise<Outcome> {
  const show = (share: number): void =>
    screen.live(() => `${paint('dim', seconds(elapsed()).padStart(8))}  ${bar(share, 24)}`);
  const times = await computeAlone('times', signal, show);
  const origins = await computeAlone('origins', signal, () => undefined);
  screen.end();
  return outcomeOf(times, origins);
}

function outcomeOf(times: Summaries, origins: Summaries): Outcome {
  return { times: statisticsOf(times), origins: statisticsOf(origins) };
}

function page({ times, origins }: Outcome): string {
  return [
    `${paint('bold', 'Minutes of delay by departure and distance')}, flights-200k.json (its records have no origin)`,
    timesTable(times),
    '',
    `${paint('bold', 'Mean delay and share of late flights by origin and distance')}, flights-20k.json (the busiest of its origins)`,
    originsTable(origins),
    '',
    paint(
      'dim',
      '  Late is more than 15 minutes. The interval is of the mean, from 2,000 bootstrap replicates.',
    ),
  ].join('\n');
}

/** Says whether every number is the same, and gives the exit code. */
function verdict(outcome: Outcome, expected: Outcome): number {
  const difference =
    firstDifference(outcome.times, expected.times) ??
    firstDifference(outcome.origins, expected.origins);
  if (difference) {
    const { group, what, got, expected: right } = difference;
    screen.print(
      paint(
        'red',
        `DIFFERENT: ${what} of ${group} is ${String(got)}, one process computes ${String(right)}`,
      ),
    );
    return 1;
  }
  const groups = expected.times.size + expected.origins.size;
  const numbers = [...expected.times.values(), ...expected.origins.values()].reduce(
    (sum, one) => sum + Object.keys(one).length,
    0,
  );
  screen.print(
    paint(
      'green',
      `identical: all ${numbers.toLocaleString('en-US')} numbers of ${groups} groups are exactly those of one process`,
    ),
  );
  return 0;
}
