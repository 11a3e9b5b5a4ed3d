/** A Redis that takes nothing more, for want of memory or because a script keeps it: no end of a task is lost. */
import { setTimeout as delay } from 'node:timers/promises';
import { chain } from 'dtask';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { needsNative } from '../support/engine.js';
import { freePorts } from '../support/free-ports.js';
import { nativeServer, ServerProcess } from '../support/server-process.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

let server: ServerProcess;

beforeEach(async ({ skip }) => {
  if (!nativeServer) skip(needsNative);
  const [port] = await freePorts(1);
  server = new ServerProcess(port as number, { port: port as number, save: '' });
  await server.redis.ping();
});
afterEach(() => server.kill());

const locks = ['--lock-duration', '1s', '--stalled-interval', '300ms'];
const refused = /^Redis does not take the ends of tasks/;

function fromStage() {
  const stage = setStage(`redis://127.0.0.1:${server.port}/0`);
  return { app: stage.app, trace: stage.trace, env: stage.environment() };
}

describe('a Redis at maxmemory', () => {
  it(
    'gets every result when it has memory again, of tasks that ran once, and says once what it waits for',
    { timeout: 60_000 },
    async () => {
      const { app, trace, env } = fromStage();
      const [port] = await freePorts(1);
      const flags = ['-c', '12', ...locks];
      const worker = await startWorker({ env, flags: [...flags, '--http-port', String(port)] });
      const calls = [...Array(10).keys()].map((x) => app.sendTask('gated', ['full', x]));
      const canvas = chain(app.signature('gated', ['full', 10]), app.signature('echo')).delay();
      const failing = app.sendTask('flaky', [1]);
      await Promise.all([...calls, canvas, failing]);
      await trace.started('full', 11);
      // It looks for tasks whose locks have lapsed.
      const second = await startWorker({ env, flags });
      await server.redis.config('SET', 'maxmemory', '1');
      trace.open('full');
      const line = await worker.logged(refused);
      expect(line['ids']).toHaveLength(line['count'] as number);
      // Three times as long as a lock holds: that is the given of this test.
      await delay(3_000);
      const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      expect(metrics).toMatch(/^dtask_worker_refused_tasks\{[^}]*\} 11$/m);
      expect(metrics).toMatch(/^dtask_worker_refusals_total\{[^}]*\} [1-9]/m);
      const counts = await app.queues.counts('default');
      expect(counts.active).toBe(11);

      await server.redis.config('SET', 'maxmemory', '0');
      const values = await Promise.all(calls.map((call) => call.get({ timeout: '20s' })));
      expect(values).toMatchObject([...Array(10).keys()].map((x) => ({ x, square: x * x })));
      expect(await canvas.get({ timeout: '20s' })).toMatchObject({ x: 10 });
      expect(await failing.get({ timeout: '20s' })).toBe(1);
      expect(trace.starts('full')).toHaveLength(11);
      await worker.logged(/^Redis takes what it had refused/);
      for (const { log } of [worker, second])
        expect(log.filter(({ msg }) => /died|was lost/.test(msg))).toEqual([]);
      const said = worker.log.filter(({ msg }) => refused.test(msg));
      const ids = said.flatMap((one) => one['ids'] as string[]);
      expect(ids.length).toBe(new Set(ids).size);
      expect(await app.sendTask('echo', ['after']).get({ timeout: '20s' })).toBe('after');
    },
  );

  it(
    'does not keep a worker that is told to stop: what it cannot store is run by the next one',
    { timeout: 60_000 },
    async () => {
      const { app, trace, env } = fromStage();
      const fence = { app: 'fence/app.ts', env };
      const worker = await startWorker({ ...fence, flags: ['-c', '5', ...locks] });
      const call = await app.sendTask('plain', ['stopped']);
      const failing = await app.sendTask('hooked', ['failing']);
      const canvas = chain(
        app.signature('plain', ['step']),
        app.signature('note', ['noted']),
      ).delay();
      for (const mark of ['stopped', 'failing', 'step']) await trace.started(mark);
      await server.redis.config('SET', 'maxmemory', '1');
      for (const mark of ['stopped', 'failing', 'step']) trace.open(`${mark}.1`);
      await until('all of them are refused', () => {
        const said = worker.log.filter(({ msg }) => refused.test(msg));
        return new Set(said.flatMap((line) => line['ids'] as string[])).size === 3;
      });
      worker.child.kill('SIGTERM');
      await until('the worker has ended', () => worker.hasEnded, 25_000);
      const left = worker.log.filter(({ msg }) => msg.startsWith('Redis did not take'));
      expect(left.flatMap((line) => line['ids'] as string[])).toContain(call.id);
      await server.redis.config('SET', 'maxmemory', '0');
      expect(await app.queues.counts('default')).toMatchObject({ active: 3, failed: 0 });
      for (const mark of ['stopped', 'failing', 'step']) trace.open(`${mark}.2`);
      await startWorker({ ...fence, flags: locks });
      expect(await call.get({ timeout: '20s' })).toBe('run 2');
      expect(await canvas.get({ timeout: '20s' })).toBe('"run 2"');
      expect((await rejection(failing.get({ timeout: '20s' }))).message).toBe('run 2');
      expect(trace.names().filter((name) => name.startsWith('hook'))).toEqual(['hook.run2.ends']);
    },
  );
});

it('a script that keeps Redis while tasks end costs no result', { timeout: 60_000 }, async () => {
  const { app, trace, env } = fromStage();
  const worker = await startWorker({ env, flags: ['-c', '5', ...locks] });
  const calls = [...Array(5).keys()].map((x) => app.sendTask('gated', ['busy', x]));
  await trace.started('busy', 5);
  await server.redis.config('SET', 'busy-reply-threshold', '1');
  const keeper = server.redis.duplicate();
  const busy = keeper.eval('while true do end', 0).catch((error: unknown) => error);
  await until('it is busy', async () => {
    const asked = await server.redis.ping().catch((error: unknown) => error as Error);
    return asked instanceof Error && asked.message.startsWith('BUSY');
  });
  trace.open('busy');
  await worker.logged(refused);
  await server.redis.script('KILL');
  await busy;
  keeper.disconnect();
  const values = await Promise.all(calls.map((call) => call.get({ timeout: '20s' })));
  expect(values).toMatchObject([...Array(5).keys()].map((x) => ({ square: x * x })));
  expect(trace.starts('busy')).toHaveLength(5);
});
