/** Redis answers nothing for longer than locks hold, while tasks run: they stay with their workers. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Engine } from '../support/engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

// Behind the outage workers have one lock's time to say that they live: a busy machine takes some of it.
const flags = ['-c', '6', '--lock-duration', '2s', '--stalled-interval', '700ms'];
/** More than twice as long as a lock holds. */
const frozen = 5_000;

let engine: Engine;
let stage: Stage;
let workers: WorkerProcess[];
beforeEach(async () => {
  engine = await Engine.start();
  stage = setStage(engine.url);
  const env = stage.environment();
  workers = await Promise.all([0, 1].map(() => startWorker({ app: 'pools/app.ts', env, flags })));
});
afterEach(() => engine[Symbol.asyncDispose]());

async function sendAll(ignoreResult: boolean): Promise<() => Promise<unknown[]>> {
  const { app, trace } = stage;
  const kept = [1, 2, 3, 4].map((x) => app.sendTask('gated', ['late', x], { ignoreResult }));
  const once = [1, 2].map(() => app.sendTask('gated.once', ['once'], { ignoreResult }));
  await trace.started('late', 4);
  await trace.started('once', 2);
  return () => Promise.all([...kept, ...once].map((call) => call.get({ timeout: '20s' })));
}

const open = (): void => ['late', 'once'].forEach((mark) => stage.trace.open(mark));

async function expectOnce(): Promise<void> {
  await until('none is active', async () => {
    const { active, waiting } = await stage.app.queues.counts('default');
    return active + waiting === 0;
  });
  expect(stage.trace.starts('late')).toHaveLength(4);
  expect(stage.trace.starts('once')).toHaveLength(2);
  expect((await stage.app.queues.counts('default')).failed).toBe(0);
}

it('tasks that run on are run once', { timeout: 60_000 }, async () => {
  const values = await sendAll(false);
  const thaw = engine.freeze();
  await pause(frozen);
  thaw();
  // Time for many looks after jobs without a lock.
  await pause(frozen);
  open();
  expect(await values()).toEqual([1, 2, 3, 4, 'once', 'once']);
  await expectOnce();
});

it(
  'tasks that end meanwhile are run once, also where nothing says so',
  { timeout: 60_000 },
  async () => {
    await sendAll(true);
    const thaw = engine.freeze();
    await pause(frozen / 2);
    open();
    await pause(frozen / 2);
    thaw();
    await expectOnce();
  },
);

it('a worker that dies behind that is missed all the same', { timeout: 60_000 }, async () => {
  const { app, trace } = stage;
  const thaw = engine.freeze();
  await pause(frozen);
  thaw();
  const calls = [1, 2, 3, 4].map((x) => app.sendTask('gated', ['left', x]));
  await trace.started('left', 4);
  const [first] = trace.starts('left');
  await workers.find(({ pid }) => pid === first?.pid)?.kill();
  // What a dead worker held runs again one by one.
  await trace.started('left', 5);
  trace.open('left');
  expect(await Promise.all(calls.map((call) => call.get({ timeout: '20s' })))).toEqual([
    1, 2, 3, 4,
  ]);
});
