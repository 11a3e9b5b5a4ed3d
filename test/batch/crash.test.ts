/** Packs whose workers, or the processes that run their calls, die on the way. */
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { engine } from '../support/own-engine.js';
import { Troupe } from '../support/troupe.js';
import { until } from '../support/until.js';
import { declare } from './tasks.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const soon = { timeout: '30s', propagate: false } as const;
/** What a dead worker had is found within a second or two. */
const quick = ['--lock-duration', '1s', '--stalled-interval', '500ms'];

async function hire(workers: readonly (readonly string[])[], url = engine.url) {
  const troupe = new Troupe(url, here);
  onTestFinished(() => troupe.disband());
  await Promise.all(workers.map((flags, at) => troupe.hire(`w${at}`, [...flags, ...quick])));
  return { troupe, trace: troupe.trace, ...declare(troupe.app) };
}

it(
  'a call that kills its worker takes no neighbour with it, and is quarantined',
  { timeout: 60_000 },
  async () => {
    const { poison, trace, troupe } = await hire([
      ['-c', '1'],
      ['-c', '1'],
      ['-c', '1'],
    ]);
    const calls = [0, 1, 2, 3, 4].map((x) => poison.delay('deadly', x, 2));
    expect(new Set(calls.map(({ id }) => id.replace(/~p\d+$/, ''))).size).toBe(1);
    const ends = await Promise.all(calls.map((call) => call.get(soon)));
    expect(ends).toMatchObject([0, 1, { name: 'WorkerLostError' }, 3, 4]);
    // In the pack, by itself, and in a process of its own.
    expect(trace.starts('deadly-2')).toHaveLength(3);
    // What had ended in the pack has not run again, nor has what was sent by itself.
    for (const x of [0, 1, 3, 4]) expect(trace.starts(`deadly-${x}`)).toHaveLength(1);
    await until(
      'one task is kept as failed',
      async () => (await troupe.app.queues.counts('default')).failed === 1,
    );
  },
);

it('of many calls none is lost when a worker dies', { timeout: 60_000 }, async () => {
  const { echo, troupe } = await hire([
    ['-c', '4'],
    ['-c', '4'],
  ]);
  const results = await Promise.all(Array.from({ length: 1_500 }, (_, x) => echo.delay(x)));
  const ends = results.map((result) => result.get(soon));
  // By now some packs have run, some run, and most wait.
  await ends[100];
  troupe.worker('w0').signal('SIGKILL');
  expect(await Promise.all(ends)).toEqual([...results.keys()]);
  await until(
    'no message is left',
    async () => (await troupe.stage.redis.keys(`${troupe.prefix}:{default}:*~p*`)).length === 0,
  );
});

it('a Redis that goes away holds a pack and its retries up, and no more', async ({ skip }) => {
  if (!hasNative) skip(needsNative);
  const own = await Engine.start({ keep: true });
  onTestFinished(() => own[Symbol.asyncDispose]());
  const { shaky, trace } = await hire([['-c', '2']], own.url);
  const calls = [0, 1, 2].map((x) => shaky.delay('away', x, 1));
  await trace.started('away');
  await own.stop();
  trace.open('away');
  await own.back();
  expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([
    [0, 0],
    [1, 1],
    [2, 1],
  ]);
});

it('a call that was revoked while its worker died does not run again', async () => {
  const { held, trace, troupe } = await hire([['-c', '1']]);
  const calls = await Promise.all([0, 1, 2].map((x) => held.delay('revoked', x, 1)));
  await trace.started('revoked-1');
  const worker = troupe.worker('w0');
  worker.signal('SIGSTOP');
  expect(await calls[2]?.revoke()).toBe(true);
  worker.signal('SIGKILL');
  trace.open('revoked');
  await troupe.hire('w1', ['-c', '1', ...quick]);
  const ends = await Promise.all(calls.map((call) => call.get(soon)));
  expect(ends).toMatchObject([0, 1, { name: 'TaskRevokedError' }]);
  expect(trace.starts('revoked-2')).toHaveLength(0);
});

it('in a pool of processes calls are gathered, and one that kills the process harms no other', async () => {
  const { gathered, patient, trace } = await hire([['-c', '2', '-P', 'processes']]);
  const calls = [1, 13, 14, 4].map((x) => gathered.delay('good', x));
  expect(await Promise.all(calls.map((call) => call.get(soon)))).toMatchObject([
    { sum: 2, size: 4, retries: 0 },
    { name: 'TaskFailedError', errorName: 'RangeError', message: 'not 13' },
    { sum: 28, retries: 1 },
    { sum: 8, size: 4 },
  ]);
  const deadly = [0, 1, 2, 3].map((x) => gathered.delay('bad', x, 2));
  expect(await Promise.all(deadly.map((call) => call.get(soon)))).toMatchObject([
    { sum: 0, size: 1 },
    { sum: 2, size: 1 },
    { name: 'WorkerLostError' },
    { sum: 6, size: 1 },
  ]);
  const held = await Promise.all([1, 2, 3].map((x) => patient.delay('signal', x)));
  await trace.started('signal');
  expect(await held[1]?.revoke()).toBe(true);
  trace.open('signal');
  expect(await Promise.all(held.map((call) => call.get(soon)))).toMatchObject([
    1,
    { name: 'TaskRevokedError' },
    3,
  ]);
});

it('calls that a killed worker had gathered run elsewhere', { timeout: 60_000 }, async () => {
  const { patient, trace, troupe } = await hire([['-c', '2']]);
  const calls = [1, 2, 3].map((x) => patient.delay('gathered', x));
  await trace.started('gathered');
  troupe.worker('w0').signal('SIGKILL');
  trace.open('gathered');
  await troupe.hire('w1', ['-c', '2', ...quick]);
  expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([1, 2, 3]);
});

it('in a pool of processes each call ends by itself', { timeout: 60_000 }, async () => {
  const { flaky, burn, held, poison, trace, troupe } = await hire([['-c', '2', '-P', 'processes']]);
  const calls = [0, 1, 2].map((fails) => flaky.delay(fails));
  expect(await Promise.all(calls.map((call) => call.get(soon)))).toMatchObject([
    { id: calls[0]?.id, retries: 0 },
    { id: calls[1]?.id, retries: 1 },
    { name: 'TaskFailedError', message: 'failure 1' },
  ]);
  // The one that runs for too long is killed, and no other.
  const limited = [0, 60_000, 0].map((ms) => burn.delay(ms));
  const [before, killed, behind] = await Promise.all(limited.map((call) => call.get(soon)));
  expect(killed).toMatchObject({ name: 'TimeLimitExceededError' });
  expect(typeof before).toBe('number');
  expect(typeof behind).toBe('number');
  // One that is terminated takes its child with it, and no other call.
  const doomed = await Promise.all([0, 1, 2].map((x) => held.delay('doomed', x, 1)));
  await trace.started('doomed-1');
  expect(await doomed[1]?.revoke({ terminate: true })).toBe(true);
  expect(await Promise.all(doomed.map((call) => call.get(soon)))).toMatchObject([
    0,
    { name: 'TaskRevokedError' },
    2,
  ]);
  const deadly = [0, 1, 2].map((x) => poison.delay('child', x, 1));
  expect(await Promise.all(deadly.map((call) => call.get(soon)))).toMatchObject([
    0,
    { name: 'WorkerLostError' },
    2,
  ]);
  for (const x of [0, 1, 2]) expect(trace.starts(`child-${x}`)).toHaveLength(1);
  // The one that failed is put among the failed ones by then, or about to be.
  await until('no lock is left', async () => {
    const locks = await troupe.stage.redis.keys(`${troupe.prefix}:{default}:*~p*:lock`);
    return locks.length === 0;
  });
});
