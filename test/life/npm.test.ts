/** Who stops a worker that npm, npx, a shell or a container has started, with the real ones. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { descendants, isAlive, untilGone } from '../support/alive.js';
import { fixtures } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { removeFolder } from '../support/remove-folder.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { type LogLine, startWorker, WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '20s' } as const;
const bin = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const command = `dtask worker -A ${fixtures}faults/app.ts --lock-duration 60s --stalled-interval 30s`;
const scripts = {
  plain: command,
  behind: `${command} && echo done`,
  nested: `npx ${command}`,
  background: `${command} & echo started`,
  session: `setsid ${command} & sleep 0.2`,
};

/** A worker that something else has started. */
class Started extends WorkerProcess {
  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const cwd = mkdtempSync(join(tmpdir(), 'dtask-npm-'));
    onTestFinished(() => removeFolder(cwd));
    symlinkSync(bin, join(cwd, 'node_modules'));
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ name: 'shop', scripts }));
    const more = { npm_config_update_notifier: 'false', ...env };
    super({ env: more, cwd, leads: true, program: [program, ...args] });
    onTestFinished(() => {
      for (const pid of this.pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
  }

  /** The processes below it that were seen so far. */
  readonly pids = new Set<number>();

  /** What has started the worker may have ended. */
  override logged(pattern: RegExp, limit = 20_000): Promise<LogLine> {
    return until(
      `the worker has logged ${String(pattern)}`,
      () => this.log.find(({ msg }) => pattern.test(msg)),
      limit,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`, { cause: error });
    });
  }

  /** Resolves when the worker takes tasks. */
  override async ready(): Promise<this> {
    await super.ready();
    for (const pid of descendants(this.pid)) this.pids.add(pid);
    return this;
  }
}

const npx = ['npx', ...command.split(' ')];
const run = (script: keyof typeof scripts, ...flags: string[]): string[] => [
  'npm',
  'run',
  '--silent',
  ...flags,
  script,
];

describe.runIf(process.platform === 'linux')('a worker that npm has started', () => {
  it.each<[string, string[], NodeJS.Signals]>([
    ['SIGTERM to npx', npx, 'SIGTERM'],
    ['SIGKILL to npx', npx, 'SIGKILL'],
    ['SIGHUP to npx', npx, 'SIGHUP'],
    ['SIGTERM to npm run', run('plain'), 'SIGTERM'],
    ['SIGKILL to npm run, whose shell has more to do', run('behind'), 'SIGKILL'],
    ['SIGTERM to npm run, whose script calls npx', run('nested'), 'SIGTERM'],
    [
      'SIGTERM to npm run, whose shell becomes the worker',
      run('plain', '--script-shell=bash'),
      'SIGTERM',
    ],
  ])('stops warm: %s', async (_what, started, signal) => {
    const { app, trace, worker, pid } = await begin(started);
    worker.signal(signal);
    await worker.logged(/^stopping when 1 running/);
    trace.open('held');
    await untilGone([pid], 15_000);
    expect(trace.ends('held')).toBe(1);
    expect(worker.log.filter(({ msg }) => msg.startsWith('stopping'))).toHaveLength(1);
    expect((await app.queues.counts('default')).active).toBe(0);
  });

  it.each([
    ['sh', run('plain')],
    ['bash, which becomes the worker', run('plain', '--script-shell=bash')],
  ])('stops warm at Ctrl-C, though npm passes that on: %s', async (_shell, started) => {
    const { trace, worker, pid } = await begin(started);
    worker.signalGroup('SIGINT');
    await worker.logged(/^stopping when 1 running/);
    trace.open('held');
    await untilGone([pid], 15_000);
    expect(trace.ends('held')).toBe(1);
  });

  it.each([
    ['in the background', run('background')],
    ['in a session of its own', run('session')],
  ])('goes on where its script has left it behind on purpose: %s', async (_how, started) => {
    const stage = setStage(engine.url);
    const [program = '', ...args] = started;
    const worker = new Started(program, args, stage.environment());
    const pid = await takes(stage, worker);
    await until('npm has ended', () => !isAlive(worker.pid));
    await goesOn(stage, pid);
  });
});

describe.runIf(process.platform === 'linux')('a worker whose plain shell goes away', () => {
  it.each([
    ['with &', `${command} & sleep 1`],
    ['with nohup', `nohup ${command} & sleep 1`],
    ['with setsid', `setsid ${command} & sleep 1`],
  ])('goes on: %s', async (_how, script) => {
    const stage = setStage(engine.url);
    const env = stage.environment({ PATH: `${bin}.bin:${process.env['PATH'] ?? ''}` });
    const worker = new Started('sh', ['-c', script], env);
    const pid = await takes(stage, worker);
    await until('the shell has ended', () => !isAlive(worker.pid));
    await goesOn(stage, pid);
  });
});

const canUnshare =
  process.platform === 'linux' &&
  spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;

/** Whether the system's shell stays above what it runs: dash does, bash and BusyBox become that. */
const shellStays =
  spawnSync('sh', ['-c', `${process.execPath} -p process.ppid`], {
    encoding: 'utf8',
  }).stdout.trim() !== String(process.pid);

describe.runIf(canUnshare)('as the first process of a container', () => {
  const direct = [`${bin}.bin/dtask`, ...command.split(' ').slice(1)];
  const container = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];

  it.runIf(shellStays)('npx hands back at once what runs: it has no time for more', async () => {
    const { stage, trace, worker } = await begin([...container, ...npx]);
    const [first = 0] = descendants(worker.pid);
    process.kill(first, 'SIGTERM');
    expect(await worker.ended).toBeDefined();
    await startWorker({ env: stage.environment() });
    await trace.started('held', 2);
    trace.open('held');
  });

  it.runIf(shellStays)(
    'an init lets a worker stop warm, and ends with the npx below it',
    async () => {
      const init = [process.execPath, fileURLToPath(new URL('programs/init.mjs', import.meta.url))];
      const alone = await begin([...container, ...init, ...direct]);
      process.kill(descendants(alone.worker.pid)[0] ?? 0, 'SIGTERM');
      await alone.worker.logged(/^stopping when 1 running/);
      alone.trace.open('held');
      await alone.worker.ended;
      expect(alone.trace.ends('held')).toBe(1);
      const below = await begin([...container, ...init, ...npx]);
      const all = descendants(below.worker.pid);
      process.kill(all[0] ?? 0, 'SIGTERM');
      await untilGone(all);
      expect(below.trace.ends('held')).toBe(0);
    },
  );

  it.each([
    ['the worker itself', direct],
    ['npx, with a shell that becomes the worker', ['env', 'npm_config_script_shell=bash', ...npx]],
  ])('stops warm: %s', async (_what, started) => {
    const { trace, worker } = await begin([...container, ...started]);
    const [first = 0] = descendants(worker.pid);
    process.kill(first, 'SIGTERM');
    await worker.logged(/^stopping when 1 running/);
    trace.open('held');
    await worker.ended;
    expect(trace.ends('held')).toBe(1);
  });
});

/** Starts a worker, and a task that is held. */
async function begin([program = '', ...args]: readonly string[]) {
  const stage = setStage(engine.url);
  const { app, trace } = stage;
  const worker = await new Started(program, args, stage.environment()).ready();
  await app.sendTask('gated', ['held', 2]);
  const [start] = await trace.started('held');
  return { stage, app, trace, worker, pid: start?.pid ?? 0 };
}

type Staged = ReturnType<typeof setStage>;

/** Resolves when a worker takes tasks, to its process. */
async function takes({ app, trace }: Staged, worker: Started): Promise<number> {
  await worker.ready();
  await app.sendTask('nap', ['first', 0, 1]).get(soon);
  const [{ pid } = { pid: 0 }] = trace.starts('first');
  worker.pids.add(pid);
  return pid;
}

/** A worker that was told to stop would not take the second task. */
async function goesOn({ app }: Staged, pid: number): Promise<void> {
  expect(await app.sendTask('nap', ['second', 700, 1]).get(soon)).toBe(4);
  expect(await app.sendTask('echo', ['there']).get(soon)).toBe('there');
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('worker');
}
