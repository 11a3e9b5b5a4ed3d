/** `dtask failed`: lists, shows, retries and drops failed tasks. */
import type { FailedTask } from 'dtask';
import { describe, expect, it } from 'vitest';
import { type Finished, runDtask } from '../support/dtask-process.js';
import { findLeaks } from '../support/leaks.js';
import { engine } from '../support/own-engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

/** A stage on which tasks have failed, and the command on it. */
interface Scene {
  readonly stage: Stage;
  readonly ids: string[];
  readonly run: (...args: string[]) => Promise<Finished>;
  readonly listed: (...args: string[]) => Promise<FailedTask[]>;
}

async function scene(calls: readonly (readonly [string, readonly unknown[]])[]): Promise<Scene> {
  const stage = setStage(engine.url);
  const env = stage.environment();
  if (calls.length > 0) await startWorker({ env });
  const ids: string[] = [];
  for (const [name, args] of calls) {
    const call = await stage.app.sendTask(name, args);
    await rejection(call.get({ timeout: '15s' }));
    await until(`${call.id} is kept`, () => stage.app.failed.show(call.id));
    ids.push(call.id);
  }
  const run = (...args: string[]): Promise<Finished> => runDtask(['failed', ...args], { env });
  const listed = async (...args: string[]): Promise<FailedTask[]> => {
    const { code, stdout } = await run('list', '--json', ...args);
    expect(code).toBe(0);
    return JSON.parse(stdout) as FailedTask[];
  };
  return { stage, ids, run, listed };
}

describe('dtask failed list', () => {
  it('prints the newest first, for people and as JSON, and picks by filters', async () => {
    const { ids, run, listed } = await scene([
      ['fail', ['out of paper']],
      ['fail', ['no ink\nat all']],
      ['nobody', []],
    ]);
    const [{ code, stdout }, all, some, short] = await Promise.all([
      run('list'),
      listed(),
      listed('--task', 'f*', '--error', 'PAPER', '--since', '1h', '--queue', 'default'),
      run('list', '--limit', '1', '--until', '0s', '--json'),
    ]);
    expect(code).toBe(0);
    const [first, second, third, fourth] = stdout.split('\n');
    expect(first).toMatch(new RegExp(`^nobody ${ids[2]}  .* in default$`));
    expect(second).toMatch(/^ {2}UnknownTaskError: /);
    expect([third, fourth]).toEqual([
      expect.stringMatching(new RegExp(`^fail ${ids[1]}  `)),
      '  TypeError: no ink',
    ]);
    expect(all.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(some).toMatchObject([
      { id: ids[0], task: 'fail', args: ['out of paper'], error: { name: 'TypeError' } },
    ]);
    expect(JSON.parse(short.stdout)).toHaveLength(1);
    expect(short.stderr).toContain('there are more');
  });

  it('lets no task steer the terminal, nor turn the direction of writing', async () => {
    const { run } = await scene([['fail', ['\u202Egnirts \u001B[2J\u2066x']]]);
    const { stdout } = await run('list');
    expect(stdout).toContain('  TypeError: gnirts \\x1B[2Jx\n');
  });

  it('says so where nothing has failed', async () => {
    const { run } = await scene([]);
    expect(await run('list')).toMatchObject({ code: 0, stdout: 'no failed tasks\n' });
  });

  it('refuses what it does not understand', async () => {
    const { run } = await scene([]);
    const refused = [
      [['list', '--since', '2026-99-99'], /--since must be a time ago/],
      [
        ['list', '--since', 'xyz'],
        /--since must be a time ago such as 2h, or a date such as .*got "xyz"/,
      ],
      [['list', '--since', '2099-01-01'], /--since must be in the past, got 2099-01-01/],
      [['list', '--since', '2h', '--until', '3h'], /since must not be later than until/],
      [['list', '--limit', 'few'], /--limit must be a whole number of at least 1, got few/],
      [['list', '--limit', '0'], /--limit must be a whole number of at least 1, got 0/],
      [['retry'], /takes an id, filters such as --task, or --all/],
      [['drop', 'x', '--all'], /takes one of/],
    ] as const;
    const runs = await Promise.all(refused.map(([args]) => run(...args)));
    for (const [index, { code, stderr }] of runs.entries()) {
      expect(code).toBe(1);
      expect(stderr).toMatch(refused[index]?.[1] ?? /never/);
    }
  });
});

describe('dtask failed show', () => {
  it('prints all that is known of one', async () => {
    const { ids, run } = await scene([['fail', ['out of paper']]]);
    const [id = ''] = ids;
    const [text, json] = await Promise.all([run('show', id), run('show', id, '--json')]);
    expect([text.code, json.code]).toEqual([0, 0]);
    expect(text.stdout).toMatch(new RegExp(`^fail ${id}\n`));
    expect(text.stdout).toMatch(/^ {2}failed +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, .*, on faults@/m);
    expect(text.stdout).toMatch(/^ {2}args +\[ 'out of paper' \]$/m);
    expect(text.stdout).toMatch(/^TypeError: out of paper\n {4}at .*app\.ts/m);
    expect(JSON.parse(json.stdout)).toMatchObject({
      id,
      error: { name: 'TypeError', message: 'out of paper', stack: expect.any(String) },
      history: [],
    });
  });

  it('ends with 1 where there is none', async () => {
    const { run } = await scene([]);
    const { code, stdout, stderr } = await run('show', 'nobody');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('no failed task has the id nobody');
  });
});

describe('dtask failed retry', () => {
  it('puts one back, and tells of it afterwards', async () => {
    const { stage, ids, run } = await scene([['fail', ['out of paper']]]);
    const [id = ''] = ids;
    expect(await run('retry', id)).toMatchObject({
      code: 0,
      stdout: `${id} went back to its queue\n`,
    });
    await until(
      'it has failed again',
      async () => (await stage.app.failed.show(id))?.history.length,
    );
    expect((await run('show', id)).stdout).toMatch(
      /^Failed before\n {2}.*, retried .* TypeError: out of paper$/m,
    );
    const { code, stderr } = await run('retry', 'nobody');
    expect(code).toBe(1);
    expect(stderr).toContain('no failed task has the id nobody');
  });

  it('puts back what filters pick, asks first, and ends with 1 where some are damaged', async () => {
    const { stage, run } = await scene([
      ['fail', ['a']],
      ['fail', ['b']],
      ['nobody', []],
    ]);
    const unasked = await run('retry', '--all');
    expect(unasked.code).toBe(1);
    expect(unasked.stderr).toContain('--force');
    expect(await run('retry', '--task', 'fail', '--force')).toMatchObject({
      code: 0,
      stdout: '2 failed tasks went back\n',
    });
    await until('they have failed again', async () => (await stage.app.failed.count()) === 3);
    await stage.redis.hset(stage.key('cut'), { name: 'fail', data: '{"v":1' });
    await stage.redis.zadd(stage.key('failed'), Date.now(), 'cut');
    const all = await run('retry', '--all', '-f', '--json');
    expect(all.code).toBe(1);
    expect(JSON.parse(all.stdout)).toEqual({ retried: 3, damaged: 1 });
    expect(all.stderr).toContain('1 failed task not retried, because damaged');
    expect(await run('retry', '--task', 'none', '-f')).toMatchObject({ code: 0 });
  });
});

describe('dtask failed drop', () => {
  it('removes one, what filters pick, or all, and leaves nothing of them', async () => {
    const { stage, ids, run, listed } = await scene([
      ['fail', ['a']],
      ['fail', ['b']],
      ['nobody', []],
    ]);
    const [first = ''] = ids;
    expect(await run('drop', first)).toMatchObject({ code: 0, stdout: `${first} was dropped\n` });
    expect((await run('drop', first)).code).toBe(1);
    expect((await run('drop', '--task', 'fail')).code).toBe(1);
    expect(await listed()).toHaveLength(2);
    expect(await run('drop', '--task', 'fail', '-f', '--json')).toMatchObject({
      code: 0,
      stdout: '{\n  "dropped": 1\n}\n',
    });
    expect(await run('drop', '--all', '-f')).toMatchObject({
      code: 0,
      stdout: '1 failed task dropped\n',
    });
    expect(await listed()).toEqual([]);
    expect(await findLeaks(stage.redis, stage.prefix)).toEqual([]);
  });
});

describe('dtask worker', () => {
  it('--keep-failed and --keep-failed-for say what is kept', async () => {
    const stage = setStage(engine.url);
    const flags = ['--keep-failed', '1', '--keep-failed-for', '2h'];
    await startWorker({ env: stage.environment(), flags });
    for (const text of ['first', 'second']) {
      await rejection(stage.app.sendTask('fail', [text]).get({ timeout: '15s' }));
    }
    await until('the newest is kept', async () => {
      const kept: unknown[] = [];
      for await (const { error } of stage.app.failed.list()) kept.push(error.message);
      return kept.length === 1 && kept[0] === 'second';
    });
  });
});
