/** `dtask worker --workers`: several workers, and what keeps them running. */
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { untilGone } from '../support/alive.js';
import { runDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import {
  type WorkerProcess,
  type WorkerSetup,
  startWorkerSoon,
} from '../support/worker-process.js';

const soon = { timeout: '20s' } as const;

describe('--workers', () => {
  it('starts so many workers under numbered names, and no connection for what supervises them', async () => {
    const { redis, prefix, environment: env } = fromStage();
    const fleet = await startFleet({ env, flags: ['-n', 'crew', '-c', '1'] });
    expect(names(fleet)).toEqual(new Set(['crew-1', 'crew-2']));
    expect(await redis.exists(`${prefix}:w:crew-1`, `${prefix}:w:crew-2`)).toBe(2);
    const pids = new Set(claims(await redis.mget(`${prefix}:w:crew-1`, `${prefix}:w:crew-2`)));
    expect(pids.size).toBe(2);
    expect(pids).not.toContain(fleet.pid);
    const clients = (await redis.client('LIST')) as string;
    const own = clients.split('\n').filter((line) => line.includes('name=dtask:'));
    expect(
      own.filter((line) => !/name=dtask:((worker|control):crew-[12]|lock-keeper)/.test(line)),
    ).toEqual([]);
    fleet.signal('SIGTERM');
    expect(await fleet.end()).toEqual({ code: 0, signal: null });
    await untilGone(pids);
  });

  it('puts the number where the name says, and the host', async () => {
    const { environment: env } = fromStage();
    const fleet = await startFleet({ env, flags: ['-n', 'w%i.%n@%h'] });
    const [short] = hostname().split('.');
    expect(names(fleet)).toEqual(
      new Set([`w1.${short}@${hostname()}`, `w2.${short}@${hostname()}`]),
    );
  });

  it('gives each worker a port of its own, counted up from the one that is given', async () => {
    const { environment: env } = fromStage();
    const first = 20_000 + (process.pid % 20_000);
    await startFleet({ env, flags: ['-n', 'ported', '--http-port', String(first)] });
    const pages = [first, first + 1].map((port) => fetch(`http://127.0.0.1:${port}/readyz`));
    expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('starts a worker anew that was killed, under its name, while the other goes on', async () => {
    const { app, redis, prefix, environment: env } = fromStage();
    const fleet = await startFleet({ env, flags: ['-n', 'phoenix', '-c', '1'] });
    const [first, second] = claims(await redis.mget(keyOf(prefix, 1), keyOf(prefix, 2)));
    const killed = performance.now();
    process.kill(first ?? 0, 'SIGKILL');
    const died = await fleet.logged(/^worker 1 ended, killed by SIGKILL/);
    expect(died.msg).toMatch(/it starts again in 100ms$/);
    await until('it is back', () => readies(fleet).length === 3);
    report('a supervised worker that was killed', {
      'ready again after ms': performance.now() - killed,
    });
    const [again, still] = claims(await redis.mget(keyOf(prefix, 1), keyOf(prefix, 2)));
    expect(again).not.toBe(first);
    expect(still).toBe(second);
    expect(await app.sendTask('echo', ['alive']).get(soon)).toBe('alive');
  });

  it('ends with 1 and says why, where none of its workers ever starts', async () => {
    const { environment: env } = fromStage();
    const fleet = startFleetSoon({ env, app: 'broken/throws.ts' });
    expect(await fleet.end()).toEqual({ code: 1, signal: null });
    expect(fleet.stderr).toMatch(/^dtask: broken\/throws\.ts failed to load/m);
    expect(fleet.stderr).toMatch(/^dtask: no worker starts: worker [12] ended, exit code 1/m);
  });

  it('refuses a number that is none, and flags that the workers would refuse', async () => {
    const { environment: env } = fromStage();
    const [number, flag] = await Promise.all([
      runDtask(['worker', '-A', 'faults/app.ts', '--workers', '0'], { env }),
      runDtask(['worker', '-A', 'faults/app.ts', '--workers', '2', '-c', 'many'], { env }),
    ]);
    expect(number).toMatchObject({ code: 1 });
    expect(number.stderr).toContain('--workers must be a whole number from 1');
    expect(flag).toMatchObject({ code: 1 });
    expect(flag.stderr).toContain('concurrency must be a whole number');
  });
});

describe('what is told to the supervisor', () => {
  it('is told to its workers: a second signal hands back what runs, and the exit code is 1', async () => {
    const { app, trace, environment: env } = fromStage();
    const fleet = await startFleet({ env, flags: ['-c', '1', '--lock-duration', '60s'] });
    const calls = ['a', 'b'].map((mark) => app.sendTask('gated', [mark, 2]));
    await Promise.all([trace.started('a'), trace.started('b')]);
    fleet.signal('SIGTERM');
    await until('both stop', () => logs(fleet, /^stopping when 1 running/).length === 2);
    expect(fleet.hasEnded).toBe(false);
    fleet.signal('SIGTERM');
    expect(await fleet.end()).toEqual({ code: 1, signal: null });
    trace.open('a');
    trace.open('b');
    await startFleet({ env });
    for (const call of calls) expect(await call.get(soon)).toMatchObject({ square: 4 });
  });

  it('reaches them once where a terminal signals the whole group', async () => {
    const { app, trace, environment: env } = fromStage();
    const fleet = await startFleet({ env, flags: ['-c', '1'], leads: true });
    const call = app.sendTask('gated', ['ctrl-c', 3]);
    await trace.started('ctrl-c');
    fleet.signalGroup('SIGINT');
    await fleet.logged(/^stopping when 1 running/);
    trace.open('ctrl-c');
    expect(await call.get(soon)).toMatchObject({ square: 9 });
    expect(await fleet.end()).toEqual({ code: 0, signal: null });
  });

  it('reaches them once also where a service manager signals every process', async () => {
    const { app, redis, prefix, trace, environment: env } = fromStage();
    const fleet = await startFleet({ env, flags: ['-n', 'phoenix', '-c', '1'] });
    const pids = claims(await redis.mget(keyOf(prefix, 1), keyOf(prefix, 2)));
    const calls = ['all-1', 'all-2'].map((mark) => app.sendTask('gated', [mark, 3]));
    await Promise.all([trace.started('all-1'), trace.started('all-2')]);
    for (const pid of [fleet.pid, ...pids]) process.kill(pid, 'SIGTERM');
    await until('both stop', () => logs(fleet, /^stopping when 1 running/).length === 2);
    // Whatever else was to come has come: the answer is behind it.
    for (const pid of pids) process.kill(pid, 'SIGUSR2');
    await until('both report', () => logs(fleet, /^1 of 1 running/).length === 2);
    trace.open('all-1');
    trace.open('all-2');
    for (const call of calls) expect(await call.get(soon)).toMatchObject({ square: 9 });
    expect(await fleet.end()).toEqual({ code: 0, signal: null });
  });

  it('gives every worker a new process after SIGHUP, and no task is lost or run twice', async () => {
    const { app, redis, prefix, trace, environment: env } = fromStage();
    const fleet = await startFleet({ env, flags: ['-n', 'phoenix', '-c', '2'] });
    const before = claims(await redis.mget(keyOf(prefix, 1), keyOf(prefix, 2)));
    const calls = Array.from({ length: 60 }, (_, x) => app.sendTask('nap', ['roll', 100, x]));
    await trace.started('roll');
    fleet.signal('SIGHUP');
    await fleet.logged(/^restarted$/, 30_000);
    const after = claims(await redis.mget(keyOf(prefix, 1), keyOf(prefix, 2)));
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    await untilGone(before);
    const values = await Promise.all(calls.map((call) => call.get({ timeout: '30s' })));
    expect(values).toEqual(calls.map((_call, x) => x * 3 + 1));
    expect(trace.starts('roll')).toHaveLength(60);
  });

  it('a third time ends all of it now, children included', async () => {
    const { app, trace, environment: env } = fromStage();
    const flags = ['-P', 'processes', '-c', '1'];
    const fleet = await startFleet({ env, app: 'pools/app.ts', flags });
    await Promise.all(['x', 'y'].map((mark) => app.sendTask('burn', [mark, 60_000])));
    const [x, y] = await Promise.all([trace.started('x'), trace.started('y')]);
    for (const signal of ['SIGTERM', 'SIGQUIT', 'SIGTERM'] as const) fleet.signal(signal);
    expect(await fleet.end()).toEqual({ code: 1, signal: null });
    await untilGone([...x, ...y].map(({ pid }) => pid));
  });
});

it('workers whose supervisor was killed end when their tasks have ended', async () => {
  const { app, redis, prefix, trace, environment: env } = fromStage();
  const fleet = await startFleet({ env, flags: ['-n', 'phoenix', '-c', '1'] });
  const pids = claims(await redis.mget(keyOf(prefix, 1), keyOf(prefix, 2)));
  const call = app.sendTask('gated', ['orphan', 3]);
  await trace.started('orphan');
  fleet.signal('SIGKILL');
  await until(
    'one of them is gone',
    async () => (await redis.exists(keyOf(prefix, 1), keyOf(prefix, 2))) === 1,
  );
  trace.open('orphan');
  expect(await call.get(soon)).toMatchObject({ square: 9 });
  await untilGone(pids);
});

it('a worker alone has the number 0', async () => {
  const { redis, prefix, environment: env } = fromStage();
  const worker = startWorkerSoon({ env, flags: ['-n', '%a-%i%I'] });
  await worker.ready();
  expect(await redis.exists(`${prefix}:w:faults-0`)).toBe(1);
});

const keyOf = (prefix: string, number: number): string => `${prefix}:w:phoenix-${number}`;

/** The processes of the workers that have claimed their names. */
const claims = (records: readonly (string | null)[]): number[] =>
  records.map((record) => (JSON.parse(record ?? '{"pid":0}') as { pid: number }).pid);

const logs = (fleet: WorkerProcess, pattern: RegExp) =>
  fleet.log.filter(({ msg }) => pattern.test(msg));
const readies = (fleet: WorkerProcess) => logs(fleet, /^ready$/);
const names = (fleet: WorkerProcess) => new Set(readies(fleet).map(({ worker }) => worker));

function startFleetSoon({ flags = [], ...setup }: WorkerSetup): WorkerProcess {
  return startWorkerSoon({ ...setup, flags: ['--workers', '2', ...flags] });
}

/** Resolves when both workers take tasks. */
async function startFleet(setup: WorkerSetup): Promise<WorkerProcess> {
  const fleet = startFleetSoon(setup);
  await until(`both workers are ready`, () => readies(fleet).length === 2, 25_000).catch(
    (error: Error) => {
      throw new Error(`${error.message}\n${fleet.output}`, { cause: error });
    },
  );
  return fleet;
}

function fromStage() {
  const stage = setStage(engine.url);
  const { app, trace, redis, prefix } = stage;
  return { app, trace, redis, prefix, environment: stage.environment() };
}
