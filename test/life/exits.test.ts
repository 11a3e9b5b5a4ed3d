/** How a process of a worker ends by the code of its tasks: what is said, its exit code, and whether it comes back. */
import { describe, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker, startWorkerSoon, type WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '25s' } as const;
const app = 'exits/app.ts';
/** Locks that lapse soon: who waits for a lost task hears of it. */
const flags = ['-c', '1', '--lock-duration', '1s', '--stalled-interval', '300ms'];
/** Little memory, for it to be full soon. */
const little = { NODE_OPTIONS: '--max-old-space-size=150' };

/** A task that ends its process, and its arguments. */
type End = readonly [task: string, ...args: unknown[]];

describe('a worker by itself whose task ends its process', () => {
  it.each<[string, End, number]>([
    ['process.exit(0) is no orderly end', ['exit', 0], 1],
    ['process.exit(3) keeps its code', ['exit', 3], 3],
  ])('says so: %s', async (_what, [task, ...args], code) => {
    const { stage, env } = fromStage();
    const worker = await startWorker({ env, app, flags });
    const call = await stage.app.sendTask(task, args);
    expect(await worker.end()).toEqual({ code, signal: null });
    expect(worker.stderr).toContain(
      `dtask: the worker was not told to stop, and code of the app has ended its process with exit code ${String(args[0])}, as process.exit() does; what ran in it is recovered as after a crash: ${task}[${call.id}]`,
    );
  });

  it.each<[string, End, object]>([
    ['a SIGTERM to itself is a stop that was asked for', ['kill', 'SIGTERM', false], { code: 0 }],
    ['SIGKILL', ['kill', 'SIGKILL', true], { signal: 'SIGKILL' }],
    ['abort()', ['abort'], { signal: 'SIGABRT' }],
    ['memory', ['exhaust'], { signal: 'SIGABRT' }],
    ['an exception outside of any task', ['throw.outside'], { code: 1 }],
  ])('ends as it was ended: %s', async (_what, [task, ...args], ending) => {
    const { stage, env } = fromStage();
    const worker = await startWorker({ env: { ...env, ...little }, app, flags });
    await stage.app.sendTask(task, args);
    expect(await worker.end()).toMatchObject(ending);
    expect(worker.stderr).not.toContain('was not told to stop');
  });
});

describe.each(['threads', 'processes'])('a worker with %s', (pool) => {
  it('goes on when a task ends its child', async () => {
    const { stage, env } = fromStage();
    const worker = await startWorker({ env, app, flags: [...flags, '-P', pool] });
    for (const code of [0, 3])
      expect(await rejection(stage.app.sendTask('exit', [code]).get(soon))).toMatchObject({
        name: 'WorkerLostError',
      });
    expect(await stage.app.sendTask('pid').get(soon)).toBeGreaterThan(0);
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
  });
});

describe.each(['worker --workers 1', 'dev'])('under dtask %s', (command) => {
  it(
    'a worker comes back, however its process has ended, until it is told to stop',
    { timeout: 60_000 },
    async () => {
      const { stage, env } = fromStage();
      const supervisor = supervise(command, { ...env, ...little });
      const ends: readonly End[] = [
        ['exit', 0],
        ['exit', 3],
        ['kill', 'SIGKILL', true],
        ['abort'],
        ['throw.outside'],
      ];
      let before = await stage.app.sendTask('pid').get(soon);
      for (const [task, ...args] of ends) {
        const call = stage.app.sendTask(task, args);
        const lost = rejection(call.get(soon));
        const now = await until('another process runs tasks', async () => {
          const pid = await stage.app.sendTask('pid').get(soon);
          return pid !== before && pid;
        });
        expect(await lost).toMatchObject({ name: 'WorkerLostError' });
        before = now;
      }
      expect(supervisor.hasEnded).toBe(false);
      await stage.app.sendTask('kill', ['SIGTERM', false]).get(soon);
      expect(await supervisor.end()).toEqual({ code: 0, signal: null });
    },
  );
});

function supervise(command: string, env: Readonly<Record<string, string>>): WorkerProcess {
  const [name, ...more] = command.split(' ');
  if (name === 'worker') return startWorkerSoon({ env, app, flags: [...more, ...flags] });
  return startWorkerSoon({ env, app, command: 'dev', flags: ['--no-embedded', ...flags] });
}

function fromStage() {
  const stage = setStage(engine.url);
  return { stage, env: stage.environment() };
}
