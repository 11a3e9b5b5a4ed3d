/** Machines whose clocks are wrong by an hour: callers, workers and beats go by Redis' time. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { DtaskProcess } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

const preload = new URL('../support/wrong-clock.mjs', import.meta.url).href;
const hour = 3_600_000;
const wrong = [
  ['ahead', hour],
  ['behind', -hour],
] as const;

/** A clock for processes, and what sets it while they run. */
function clock(stage: Stage, ahead: number) {
  const file = join(stage.trace.dir, `clock-${ahead}`);
  const set = (by: number): void => writeFileSync(file, String(by));
  set(ahead);
  const env = stage.environment({ WRONG_CLOCK: file, NODE_OPTIONS: `--import ${preload}` });
  return { env, set };
}

async function call(stage: Stage, ahead: number, ...args: string[]): Promise<string> {
  const { env } = clock(stage, ahead);
  const process = new DtaskProcess(['call', ...args], { env });
  onTestFinished(() => process.kill());
  expect(await process.end(30_000)).toMatchObject({ code: 0 });
  return process.stdout.trim();
}

const said = (worker: WorkerProcess) => worker.log.filter(({ msg }) => msg.includes('clock'));

describe.each(wrong)('a caller whose clock is an hour %s', (_where, ahead) => {
  it(
    "is taken at its word: countdown, expires and eta are by Redis' time",
    { timeout: 60_000 },
    async () => {
      const stage = setStage(engine.url);
      await startWorker({ env: stage.environment() });
      const sentAt = Date.now();
      const eta = new Date(sentAt + 4_000).toISOString();
      const ids = await Promise.all([
        call(stage, ahead, 'nap', 'soon', '0', '1', '--countdown', '3s'),
        call(stage, ahead, 'nap', 'wanted', '0', '2', '--expires', '60s'),
        call(stage, ahead, 'nap', 'both', '0', '3', '--countdown', '1s', '--expires', '60s'),
        // The command line refuses a date that its own clock calls past.
        ahead < 0
          ? call(stage, ahead, 'nap', 'then', '0', '4', '--eta', eta)
          : stage.app.sendTask('nap', ['then', 0, 4], { eta: new Date(eta) }).then(({ id }) => id),
      ]);
      const results = ids.map((id) => stage.app.result(id));
      expect(await Promise.all(results.map((one) => one.get({ timeout: '30s' })))).toEqual([
        4, 7, 10, 13,
      ]);
      const [soon] = stage.trace.starts('soon');
      expect(soon?.at).toBeGreaterThanOrEqual(sentAt + 3_000);
      const [then] = stage.trace.starts('then');
      expect(then?.at).toBeGreaterThanOrEqual(sentAt + 4_000);
    },
  );

  it('has what is not wanted any more revoked', { timeout: 60_000 }, async () => {
    const stage = setStage(engine.url);
    const id = await call(stage, ahead, 'nap', 'late', '0', '1', '--expires', '1ms');
    await startWorker({ env: stage.environment() });
    await expect(stage.app.result(id).get({ timeout: '30s' })).rejects.toThrow('expire');
    expect(stage.trace.starts('late')).toEqual([]);
  });
});

describe.each(wrong)('a worker whose clock is an hour %s', (_where, ahead) => {
  it('says so once, and keeps the times of callers', { timeout: 60_000 }, async () => {
    const stage = setStage(engine.url);
    const worker = await startWorker({ env: clock(stage, ahead).env });
    const sentAt = Date.now();
    const eta = new Date(sentAt + 3_000);
    const calls = [
      stage.app.sendTask('nap', ['later', 0, 1], { countdown: '2s' }),
      stage.app.sendTask('nap', ['wanted', 0, 2], { expires: '60s' }),
      stage.app.sendTask('nap', ['then', 0, 3], { eta }),
      stage.app.sendTask('flaky', [2]),
    ];
    expect(await Promise.all(calls.map((one) => one.get({ timeout: '30s' })))).toEqual([
      4, 7, 10, 2,
    ]);
    // By the right clock: the trace is the worker's own, whose clock is wrong.
    for (const [mark, wait] of [
      ['later', 2_000],
      ['then', 3_000],
    ] as const) {
      const [start] = stage.trace.starts(mark);
      expect((start?.at ?? 0) - ahead).toBeGreaterThanOrEqual(sentAt + wait - 50);
    }
    const info = stage.redis;
    const record = JSON.parse((await info.get(`${stage.prefix}:r:${calls[0]?.id}`)) ?? '{}') as {
      at: number;
    };
    expect(Math.abs(record.at - Date.now())).toBeLessThan(60_000);
    expect(said(worker)).toHaveLength(1);
    expect(said(worker)[0]?.msg).toContain(_where);
  });

  it('leaves what is put off to be run on time by others', { timeout: 60_000 }, async () => {
    const stage = setStage(engine.url);
    const worker = await startWorker({ env: clock(stage, ahead).env });
    const call = await stage.app.sendTask('flaky', [1], { retryDelay: '3s' });
    await until('it waits for its retry', async () => (await call.state()) === 'RETRY');
    const before = Date.now();
    await worker.kill();
    await startWorker({ env: stage.environment() });
    expect(await call.get({ timeout: '30s' })).toBe(1);
    expect(Date.now() - before).toBeLessThan(30_000);
  });
});

test(
  'a clock that is set while a worker runs changes nothing for its tasks',
  { timeout: 90_000 },
  async () => {
    const stage = setStage(engine.url);
    const { env, set } = clock(stage, 0);
    const flags = ['-c', '4', '--lock-duration', '2s', '--stalled-interval', '700ms'];
    await startWorker({ env, flags });
    await startWorker({ env: stage.environment(), flags });
    const held = [1, 2, 3, 4].map((x) => stage.app.sendTask('gated', ['held', x]));
    await stage.trace.started('held', 4);
    for (const by of [-hour, hour, -hour, 0]) {
      set(by);
      const naps = [1, 2, 3].map((x) =>
        stage.app.sendTask('nap', [`by${by}`, 0, x], { countdown: 500, expires: '30s' }),
      );
      expect(await Promise.all(naps.map((one) => one.get({ timeout: '20s' })))).toEqual([4, 7, 10]);
      // More than a lock holds: whoever does not renew loses them.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
    }
    stage.trace.open('held');
    await Promise.all(held.map((one) => one.get({ timeout: '20s' })));
    expect(stage.trace.starts('held')).toHaveLength(4);
  },
);

test(
  'tasks of one eta keep their order, and none comes later for the time that sending took',
  { timeout: 60_000 },
  async () => {
    const stage = setStage(engine.url);
    const eta = new Date(Date.now() + 3_000);
    const calls = Array.from({ length: 200 }, (_, x) => stage.app.sendTask('echo', [x], { eta }));
    await Promise.all(calls);
    const scores = await stage.redis.zrange(stage.key('delayed'), 0, -1, 'WITHSCORES');
    const ids = scores.filter((_, at) => at % 2 === 0);
    expect(ids).toEqual(calls.map(({ id }) => id));
    // BullMQ keeps a time in its score, with room below for the order.
    const times = scores
      .filter((_, at) => at % 2 === 1)
      .map((score) => Math.floor(Number(score) / 0x1000));
    expect(new Set(times)).toEqual(new Set([eta.getTime()]));
  },
);

test.each(wrong)(
  'a beat whose clock is an hour %s sends its ticks when they are due',
  { timeout: 60_000 },
  async (_where, ahead) => {
    const stage = setStage(engine.url);
    await startWorker({ app: 'beat/quick.ts', env: stage.environment() });
    const beat = new DtaskProcess(['beat', '-A', 'beat/quick.ts'], {
      env: clock(stage, ahead).env,
    });
    onTestFinished(() => beat.kill());
    const begun = Date.now();
    const starts = await stage.trace.started('tick', 4, 30_000);
    const last = starts.at(-1)?.at ?? 0;
    expect(last - begun).toBeLessThan(30_000);
    const [state] = await stage.redis.hvals(`${stage.prefix}:beat:{quick}:states`);
    const { tick } = JSON.parse(state ?? '{}') as { tick: number };
    expect(Math.abs(tick - Date.now())).toBeLessThan(60_000);
  },
);
