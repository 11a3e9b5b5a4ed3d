/** Four beats on 200 entries that tick once a second, killed again and again, with Redis restarted once: every tick is executed once. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { setTimeout as delay } from 'node:timers/promises';
import { type BeatProcess, startBeatSoon } from '../support/beat-process.js';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { report } from '../support/report.js';
import { setStage, type Stage } from '../support/stage.js';
import type { Start } from '../support/trace.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({ keep: hasNative });
});
afterAll(() => engine[Symbol.asyncDispose]());

const beats = 4;
const entries = 200;
const rounds = Number(process.env['DTASK_BEAT_ROUNDS'] ?? 8);
const concurrency = 4;

/** One run of the task of an entry. */
interface Run extends Start {
  readonly entry: string;
  readonly tick: number;
}

it(
  `4 beats of which ${rounds} are killed, and a restart of Redis, send each tick of 200 entries once`,
  { timeout: 240_000 },
  async ({ skip }) => {
    if (!hasNative) skip(needsNative);
    const stage = setStage(engine.url);
    const env = stage.environment({ BEAT_ENTRIES: String(entries) });
    await startWorker({ app: 'beats/app.mjs', env, flags: ['-c', String(concurrency)] });
    const crew = await Promise.all(Array.from({ length: beats }, () => startBeatSoon(env).ready()));
    await stage.trace.started('ticks', entries);
    const killed = await disturb(stage, crew, () => startBeatSoon(env));
    await settled(stage);
    for (const beat of crew) beat.signal('SIGTERM');
    await Promise.all(crew.map((beat) => beat.end()));
    await drained(stage);

    const runs = stage.trace.starts('ticks') as Run[];
    const { missing, again } = examine(runs);
    report(`${beats} beats, ${entries} entries, ${rounds} SIGKILLs, 1 Redis restart`, {
      ticks: runs.length,
      'killed while they led': killed.leaders,
      missing: missing.length,
      'executed again': again.length,
    });
    expect(missing).toEqual([]);
    // Each tick is one task, whoever sent it.
    const ids = new Map(runs.map(({ entry, tick, id }) => [`${entry} ${tick}`, id]));
    expect(new Set(ids.values()).size).toBe(ids.size);
    // A task that ran when Redis went away, and could not say that it had, runs again.
    expect(again.filter(({ at }) => at < killed.gone || at > killed.back + 20_000)).toEqual([]);
    expect(again.length).toBeLessThanOrEqual(concurrency);
    expect(runs.every(({ entry, tick, id }) => ids.get(`${entry} ${tick}`) === id)).toBe(true);
    expect(killed.leaders).toBeGreaterThanOrEqual(1);
  },
);

/** Kills a beat about every two seconds, each second time the one that sends, and starts another; once, Redis goes as well. */
async function disturb(
  stage: Stage,
  crew: BeatProcess[],
  another: () => BeatProcess,
): Promise<{ leaders: number; gone: number; back: number }> {
  const told = { leaders: 0, gone: 0, back: 0 };
  for (let round = 0; round < rounds; round += 1) {
    // The pace of the faults is the given of this test.
    await delay(1_500 + Math.random() * 1_000);
    const lease = await stage.redis.get(`${stage.prefix}:beat:{beats}:lease`);
    const leader = crew.findIndex(({ id }) => id === lease);
    const at = round % 2 === 0 && leader >= 0 ? leader : Math.floor(Math.random() * beats);
    if (at === leader) told.leaders += 1;
    await crew[at]?.kill();
    crew[at] = another();
    if (round !== rounds / 2) continue;
    told.gone = Date.now();
    await engine.stop();
    await engine.back();
    told.back = Date.now();
  }
  await Promise.all(crew.map((beat) => beat.ready()));
  return told;
}

/** Resolves when no entry is behind by more than its next tick. */
async function settled(stage: Stage): Promise<void> {
  const wanted = Date.now();
  await until('all ticks up to now have run', () => {
    const last = new Map<string, number>();
    for (const { entry, tick } of stage.trace.starts('ticks') as Run[])
      last.set(entry, Math.max(last.get(entry) ?? 0, tick));
    return [...last.values()].every((tick) => tick >= wanted);
  });
}

async function drained(stage: Stage): Promise<void> {
  await until('the queue is empty', async () => {
    const { waiting, active, delayed } = await stage.app.queues.counts('default');
    return waiting + active + delayed === 0;
  });
}

/** Ticks between the first and the last of an entry that were not executed, and runs beside the first of a tick. */
function examine(runs: readonly Run[]): { missing: string[]; again: Run[] } {
  const again: Run[] = [];
  const ticks = new Map<string, Set<number>>();
  for (const run of runs) {
    const seen = ticks.get(run.entry) ?? new Set();
    ticks.set(run.entry, seen);
    if (seen.has(run.tick)) again.push(run);
    seen.add(run.tick);
  }
  const missing = [...ticks].flatMap(([entry, seen]) => {
    const [first, last] = [Math.min(...seen), Math.max(...seen)];
    const count = Math.round((last - first) / 1_000) + 1;
    const all = Array.from({ length: count }, (_, at) => first + at * 1_000);
    return all.filter((tick) => !seen.has(tick)).map((tick) => `${entry} ${tick}`);
  });
  expect(ticks.size).toBe(entries);
  return { missing, again };
}
