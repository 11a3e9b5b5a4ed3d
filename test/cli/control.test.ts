/** `dtask inspect`, `control`, `status` and `events`: asking and telling workers from a shell. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { here } from '../control/hire.js';
import { troupe } from '../control/troupe.js';
import { runDtask, startDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { Troupe } from '../support/troupe.js';
import { until } from '../support/until.js';

const noWorker = 69;

beforeAll(() =>
  Promise.all([
    troupe.hire('one', ['-c', '2', '-E']),
    troupe.hire('two', ['-c', '2', '-Q', 'default,mail']),
  ]),
);

const run = (...args: string[]) => runDtask(args, { env: troupe.stage.environment() });

describe('dtask inspect', () => {
  it('prints what each worker answers, for people and as JSON', async () => {
    expect(await run('inspect', 'ping')).toEqual({
      code: 0,
      stdout: 'one  pong\ntwo  pong\n',
      stderr: '',
    });
    const { code, stdout } = await run('inspect', 'active_queues', '--json', '-d', 'two');
    expect({ code, answer: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      answer: { two: ['default', 'mail'] },
    });
  });

  it('lays tasks out in a table', async () => {
    const { app, trace } = troupe.stage;
    const { id } = await app.sendTask('gated', ['table'], { queue: 'mail' });
    await trace.started('table');
    const { stdout } = await run('inspect', 'active', '-p', 't*');
    trace.open('table');
    expect(stdout).toMatch(/^two\n +ID +TASK +QUEUE +RETRIES +SINCE +ARGUMENTS *\n/);
    expect(stdout).toMatch(new RegExp(`^ +${id} +gated +mail +0 +\\S+ +"table" *$`, 'm'));
  });

  it('ends with 69 where no worker answers', async () => {
    expect(await run('inspect', 'ping', '-d', 'nobody')).toEqual({
      code: noWorker,
      stdout: '',
      stderr: 'dtask: no worker answers to nobody\n',
    });
    const alone = setStage(engine.url);
    expect(await runDtask(['inspect', 'ping', '--json'], { env: alone.environment() })).toEqual({
      code: noWorker,
      stdout: '{}\n',
      stderr: 'dtask: no worker answers\n',
    });
  });

  it('lists its commands, and refuses others', async () => {
    const { code, stdout } = await run('inspect', '--list');
    expect(code).toBe(0);
    for (const name of ['ping', 'active-queues', 'query-task']) expect(stdout).toContain(name);
    const wrong = await run('inspect', 'everything');
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toContain('dtask inspect --list');
  });
});

describe('dtask control', () => {
  it('tells workers, by names as they are typed', async () => {
    const at = ['-d', 'one'];
    expect(await run('control', 'add-consumer', 'extra', ...at)).toMatchObject({
      code: 0,
      stdout: 'one  add consumer extra\n',
    });
    expect(await run('control', 'cancel_consumer', 'extra', ...at)).toMatchObject({
      code: 0,
      stdout: 'one  no longer consuming from extra\n',
    });
    const unsupported = await run('control', 'poolRestart', ...at);
    expect(unsupported.stdout).toMatch(/^one {2}/);
  });

  it('makes a pool larger and smaller, replaces its children, and lets it scale by itself', async () => {
    await troupe.hire('pooled', ['-c', '1', '-P', 'processes', '-Q', 'pooled']);
    const tell = (...args: string[]) => run('control', ...args, '-d', 'pooled');
    const said = (text: string) => ({ code: 0, stdout: `pooled  ${text}\n`, stderr: '' });
    const pool = async () => {
      const { pooled } = await troupe.app.inspect.stats({ destination: 'pooled' });
      return pooled && 'pool' in pooled ? pooled.pool : undefined;
    };
    const hasChildren = (count: number) =>
      until(`the pool has ${count} children`, async () => {
        const { maxConcurrency, processes = [] } = (await pool()) ?? {};
        return maxConcurrency === count && processes.length === count && processes;
      });
    expect(await tell('pool-grow', '2')).toEqual(said('pool will grow'));
    await hasChildren(3);
    expect(await tell('pool-shrink')).toEqual(said('pool will shrink'));
    const old = (await hasChildren(2)) as readonly number[];
    expect(await tell('pool-restart')).toEqual(said('reload started'));
    await until('all children are new ones', async () => {
      const { processes = [] } = (await pool()) ?? {};
      return processes.length === 2 && processes.every((pid) => !old.includes(pid));
    });
    expect(await tell('autoscale', '5', '4')).toEqual(said('autoscale now max=5 min=4'));
    await hasChildren(4);
    const echoed = await troupe.app.sendTask('echo', ['anew'], { queue: 'pooled' });
    expect(await echoed.get({ timeout: '15s' })).toBe('anew');
    expect(await tell('pool-shrink', '4')).toMatchObject({
      code: 1,
      stdout: 'pooled  error: the pool has 4, and keeps one at least\n',
    });
    await tell('shutdown');
    await troupe.worker('pooled').end();
  });

  it('ends tasks that wait, with no worker of their queue', async () => {
    const { app } = troupe;
    const waiting = await app.sendTask('note', ['cli'], { queue: 'idle' });
    expect(await run('control', 'revoke', waiting.id)).toEqual({
      code: 0,
      stdout: '1 taken out of their queues, 0 running\n',
      stderr: '',
    });
    expect(await waiting.state()).toBe('REVOKED');
    expect(await run('control', 'revoke', waiting.id)).toMatchObject({
      code: 1,
      stdout: 'no task was there to end\n',
    });
    const tagged = await app.sendTask('note', ['cli'], { queue: 'idle', headers: { tenant: 7 } });
    const { code, stdout } = await run('control', 'revoke-by-headers', 'tenant=7', '--json');
    expect({ code, answer: JSON.parse(stdout) as unknown }).toMatchObject({
      code: 0,
      answer: { removed: 1, running: 0, workers: { one: { ok: expect.any(String) } } },
    });
    expect(await tagged.state()).toBe('REVOKED');
  });

  it('carries out a command of the app itself', async () => {
    const { code, stdout } = await run('control', 'greet', 'whom=world', '--json', '-d', 'one');
    expect({ code, answer: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      answer: { one: { ok: { text: 'hello world', from: 'one' } } },
    });
  });

  it('ends with 1 where a worker answers with an error, or what it is given is wrong', async () => {
    const failed = await run('control', 'explode', '-d', 'one');
    expect(failed).toMatchObject({ code: 1, stdout: 'one  error: no such luck\n' });
    for (const args of [
      ['rate-limit', 'echo', 'often'],
      ['rate-limit', 'echo'],
      ['time-limit', 'echo', '2m', '1m'],
      ['revoke'],
      ['greet', 'world'],
    ]) {
      const { code, stdout, stderr } = await run('control', ...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^dtask: /);
    }
  });

  it('stops a worker, whose process ends with 0', async () => {
    const leaving = await troupe.hire('leaving', ['-Q', 'leaving']);
    expect(await run('control', 'shutdown', '-d', 'leaving')).toMatchObject({ code: 0 });
    expect(await leaving.end()).toEqual({ code: 0, signal: null });
  });
});

describe('dtask status', () => {
  it('lists the live workers, and ends with 69 where there is none', async () => {
    const { code, stdout } = await run('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^WORKER +POOL +SIZE +ACTIVE +DONE +UP +QUEUES *\n/);
    expect(stdout).toMatch(/^two +\w+ +2 +\d+ +\d+ +\S+(?: \S+)? +default, mail *$/m);
    expect(stdout).toContain('2 workers online');
    const json = await run('status', '--json', '-d', 'one');
    expect(JSON.parse(json.stdout)).toMatchObject([{ worker: 'one', queues: ['default'] }]);
    const alone = setStage(engine.url);
    expect(await runDtask(['status'], { env: alone.environment() })).toEqual({
      code: noWorker,
      stdout: '',
      stderr: 'dtask: no worker answers\n',
    });
  });
});

describe('a worker that lives and does not answer', () => {
  let pair: Troupe;

  beforeAll(async () => {
    pair = new Troupe(engine.url, here);
    const [, still] = await Promise.all([pair.hire('awake'), pair.hire('still')]);
    still.signal('SIGSTOP');
    // It renews its claim no more; the tests may take longer than that holds.
    await pair.stage.redis.zadd(`${pair.prefix}:workers`, Date.now() + 600_000, 'still');
  });
  afterAll(() => pair.disband());

  const ask = (...args: string[]) => runDtask(args, { env: pair.stage.environment() });
  const silence = (time: string): string =>
    `dtask: still lives, but did not answer within ${time}; -t gives it longer\n`;

  it('is named, and the command ends with 69', async () => {
    expect(await ask('inspect', 'ping', '-t', '3s')).toEqual({
      code: noWorker,
      stdout: 'awake  pong\n',
      stderr: silence('3s'),
    });
    expect(await ask('control', 'heartbeat', '-d', 'still,ghost', '-t', '300ms')).toEqual({
      code: noWorker,
      stdout: '',
      stderr: `${silence('300ms')}dtask: no worker answers to ghost\n`,
    });
  });

  it('is silent in dtask status', async () => {
    const { code, stdout, stderr } = await ask('status', '-t', '3s');
    expect({ code, stderr }).toEqual({ code: noWorker, stderr: silence('3s') });
    expect(stdout).toMatch(/^still +silent +-/m);
    expect(stdout).toContain('1 worker online, 1 silent');
    const json = await ask('status', '--json', '-d', 'still', '-t', '300ms');
    expect(JSON.parse(json.stdout)).toEqual([{ worker: 'still', silent: true }]);
  });

  it('is not missed by a command that is for others, or needs no worker', async () => {
    expect(await ask('inspect', 'ping', '-d', 'awake', '-t', '30s')).toEqual({
      code: 0,
      stdout: 'awake  pong\n',
      stderr: '',
    });
    const { id } = await pair.app.sendTask('note', ['waiting'], { queue: 'idle' });
    expect(await ask('control', 'revoke', id)).toMatchObject({ code: 0, stderr: '' });
  });

  it('is named where it has a rule to hear of', async () => {
    expect(await ask('control', 'revoke-root', 'some', '-t', '3s')).toMatchObject({
      code: noWorker,
      stdout: expect.stringContaining('awake'),
      stderr: silence('3s'),
    });
  });

  it('may be busy with the command itself', async () => {
    expect(await ask('control', 'dawdle', '-d', 'awake', '-t', '300ms')).toEqual({
      code: noWorker,
      stdout: '',
      stderr: 'dtask: awake lives, but did not answer within 300ms; -t gives it longer\n',
    });
  });
});

describe('a name that no worker has', () => {
  it('is said, beside what the others answer', async () => {
    expect(await run('control', 'heartbeat', '-d', 'one,ghost')).toEqual({
      code: noWorker,
      stdout: expect.stringMatching(/^one {2}/),
      stderr: 'dtask: no worker answers to ghost\n',
    });
  });
});

describe('dtask events', () => {
  it('prints a line for each event, and ends at a signal', async () => {
    const { app } = troupe;
    const shell = startDtask(['events', '--tasks', 'fail,echo', '--since', 'start'], {
      cwd: here,
      env: troupe.stage.environment(),
    });
    await app.sendTask('fail', ['loudly']);
    await until('it is printed, by the one that tells', async () => {
      if (shell.stdout.includes('task-failed')) return true;
      await app.sendTask('fail', ['loudly']);
      return false;
    });
    expect(shell.stdout).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} {2}task-failed +fail\[\S+\] {2}TypeError: loudly$/m,
    );
    shell.signal('SIGINT');
    expect(await shell.end()).toEqual({ code: 0, signal: null });
  });

  it('prints lines of JSON, so many as are asked for', async () => {
    const { code, stdout } = await run('events', '--json', '-s', 'start', '-n', '2', '-w', 'one');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(code).toBe(0);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({ type: 'worker-online', worker: 'one' });
  });

  it('ends quietly when its reader is gone, as behind `| head -1`', async () => {
    const { app, stage } = troupe;
    const shell = startDtask(['events', '--since', 'start'], { env: stage.environment() });
    await until('it has printed', () => shell.stdout !== '');
    shell.child.stdout?.destroy();
    await until('it prints once more', async () => {
      await app.control.heartbeat();
      return shell.hasEnded;
    });
    expect(await shell.end()).toEqual({ code: 0, signal: null });
    expect(shell.stderr).toBe('');
  });

  it('ends with 1 where Redis is not there, and says so as those do that ask workers', async () => {
    const env = { DTASK_BROKER_URL: 'redis://:secret@127.0.0.1:1/0', DTASK_SEND_TIMEOUT: '300ms' };
    const asked = [['events'], ['status'], ['inspect', 'ping'], ['control', 'shutdown']];
    for (const { code, stderr } of await Promise.all(
      asked.map((args) => runDtask(args, { env })),
    )) {
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^dtask: .* within 300ms .*Redis at \S+127\.0\.0\.1:1\S* .*ECONNREFUSED/,
      );
      expect(stderr).not.toContain('secret');
    }
  });

  it('lists the types of events, and refuses others', async () => {
    expect((await run('events', '--list')).stdout).toContain('task-retried');
    const wrong = await run('events', '--types', 'task-exploded');
    expect(wrong).toMatchObject({ code: 1 });
    expect(wrong.stderr).toContain('there is no event "task-exploded"');
    const [none, never] = await Promise.all([
      run('events', '-n', '0'),
      run('events', '--since', 'xyz'),
    ]);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toContain('--count must be a whole number of at least 1, got 0');
    expect(never).toMatchObject({ code: 1, stdout: '' });
    expect(never.stderr).toMatch(
      /--since must be .* a time ago such as 2h, or a date such as .*got "xyz"/,
    );
  });
});
