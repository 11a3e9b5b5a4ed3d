/** What tasks leave behind: rejected promises that nobody awaits, and errors that callbacks throw. One rule wherever they run. */
import { describe, expect, it } from 'vitest';
import { runProgram } from '../behaviour/program.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

const soon = { timeout: '30s' } as const;
const forgot = 'a promise was rejected that nobody awaits; the task forgot an await';
const left = 'an error in what a task left behind';

describe.each(['inline', 'threads', 'processes'] as const)(
  'in a pool of kind %s',
  { timeout: 60_000 },
  (pool) => {
    it('an error that a task leaves behind is logged with the task, and ends nothing', async () => {
      const stage = setStage(engine.url);
      const env = stage.environment();
      const flags = ['-P', pool, '-c', '2'];
      const worker = await startWorker({ env, app: 'pools/app.ts', flags });
      const { app } = stage;
      const forgets = await app.sendTask('forgets', ['one']);
      expect(await forgets.get(soon)).toBe('one');
      const late = await app.sendTask('forgets.late', ['two']);
      expect(await late.get(soon)).toBe('two');
      const failed = await rejection(app.sendTask('stray', []).get(soon));
      expect(failed.message).toContain('thrown where nobody looks');
      const thrown = await app.sendTask('stray.late', [20]);
      await thrown.get(soon);
      const lines = (): unknown[] =>
        worker.log
          .filter(({ msg }) => msg === forgot || msg === left)
          .map(({ msg, task, id, err }) => [msg, task, id, (err as Error).message]);
      await until('all are logged', () => lines().length === 3);
      expect(lines()).toEqual([
        [forgot, 'forgets', forgets.id, 'forgotten by one'],
        [forgot, 'forgets.late', late.id, 'forgotten by two'],
        [left, 'stray.late', thrown.id, 'thrown when it was over'],
      ]);
      expect(await app.sendTask('add', [1, 2]).get(soon)).toBe(3);
      worker.signal('SIGTERM');
      expect(await worker.end()).toEqual({ code: 0, signal: null });
    });
  },
);

describe('in a worker inside a program', { timeout: 60_000 }, () => {
  const run = (way: string, options: readonly string[] = []) => {
    const { prefix } = setStage(engine.url);
    return runProgram('stray-worker.mjs', [engine.url, prefix, way], options);
  };
  const printed = ({ stdout }: { readonly stdout: string }): string[] =>
    stdout.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  const ends = [
    'gave: forgets',
    'gave: forgets.late',
    'failed: left by throws',
    'gave: throws.late',
    'gave: quiet',
  ];

  it('an error that a task leaves behind is logged as well, the program goes on, and nothing is left of the watch', async () => {
    const ended = await run('nothing');
    expect(printed(ended)).toEqual([...ends, 'listeners: 0 0']);
    expect(ended.code).toBe(0);
    const lines = ended.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string; task?: string })
      .filter(({ msg }) => msg === forgot || msg === left);
    expect(lines.map(({ msg, task }) => [msg, task])).toEqual([
      [forgot, 'forgets'],
      [forgot, 'forgets.late'],
      [left, 'throws.late'],
    ]);
  });

  it.each(['rejects', 'throws'])('what the program %s by itself ends it, as ever', async (way) => {
    const ended = await run(way);
    expect(printed(ended)).toEqual(ends);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`Error: the program ${way}`);
  });

  it('the program hears its own where it listens for them', async () => {
    const ended = await run('hears');
    expect(printed(ended)).toEqual([
      ...ends,
      'heard: the program rejects',
      'heard: the program throws',
      'listeners: 1 1',
    ]);
    expect(ended.code).toBe(0);
  });

  it("Node's rule for rejections holds, and when the worker has stopped there is no other", async () => {
    const ended = await run('rejects', ['--unhandled-rejections=warn']);
    expect(printed(ended)).toEqual([...ends, 'listeners: 0 0']);
    expect(ended.code).toBe(0);
    const after = await run('after');
    expect(printed(after)).toEqual(ends);
    expect(after.code).toBe(1);
  });
});
