/** `dtask dev`: code that changes is taken up, and code that does not load harms nothing. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { App } from 'dtask';
import { describe, expect, it, onTestFinished } from 'vitest';
import { descendants, untilGone } from '../support/alive.js';
import { type DtaskProcess, startDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { removeFolder } from '../support/remove-folder.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';

const soon = { timeout: '20s' } as const;
/** For what starts many processes, on a machine that has much else to do. */
const patient = { timeout: 90_000 } as const;

describe('a task file that is edited', () => {
  it.each(['inline', 'processes', 'threads'] as const)(
    'has its new code run by the next call: %s',
    async (pool) => {
      const { app, project, dev } = await start(['-P', pool]);
      expect(await app.sendTask('version').get(soon)).toBe('one');
      for (const version of ['two', 'three']) {
        const saved = performance.now();
        project.write('tasks/version.ts', versionTask(version));
        await until(
          'the new code answers',
          async () => (await app.sendTask('version').get(soon)) === version,
        );
        report(`dtask dev, ${pool}`, { 'new code runs after ms': performance.now() - saved });
      }
      expect(dev.output).toContain('tasks/version.ts changed');
    },
  );

  it('waits for the tasks that run, which end with the code that they began with', async () => {
    const { app, project, trace, dev } = await start();
    const call = app.sendTask('slow', ['slow']);
    await trace.started('slow');
    project.write('tasks/slow.ts', slowTask('new'));
    await said(dev, /stopping when 1 running/);
    const next = app.sendTask('slow', ['slow']);
    trace.open('slow');
    expect(await call.get(soon)).toBe('old');
    expect(await next.get(soon)).toBe('new');
    expect(trace.starts('slow')).toHaveLength(2);
  });

  it('goes back to its queue, to run with the new code, where it does not end in time', async () => {
    const { app, project, trace } = await start(['--shutdown-timeout', '1s']);
    const call = app.sendTask('slow', ['stuck']);
    await trace.started('stuck');
    project.write('tasks/slow.ts', slowTask('new'));
    await trace.started('stuck', 2);
    trace.open('stuck');
    expect(await call.get(soon)).toBe('new');
  });

  it('may be written the way editors do, by a new file of another name', async () => {
    const { app, project } = await start();
    project.write('tasks/.version.ts.swp', versionTask('renamed'));
    renameSync(project.path('tasks/.version.ts.swp'), project.path('tasks/version.ts'));
    await until(
      'the new code answers',
      async () => (await app.sendTask('version').get(soon)) === 'renamed',
    );
  });
});

describe('code that does not load', () => {
  it('leaves the old code running, says what is wrong, and is tried again when it changes', async () => {
    const { app, project, dev } = await start();
    project.write('tasks/version.ts', 'export const broken: = ;');
    await said(
      dev,
      /the code does not load, see above; the worker goes on with what was loaded before/,
    );
    expect(dev.stderr).toMatch(/dtask: module tasks\/version\.ts failed to load/);
    expect(await app.sendTask('version').get(soon)).toBe('one');
    project.write('tasks/version.ts', 'throw new Error("not yet");');
    await said(dev, /not yet/);
    expect(await app.sendTask('version').get(soon)).toBe('one');
    project.write('tasks/version.ts', versionTask('mended'));
    await until(
      'the new code answers',
      async () => (await app.sendTask('version').get(soon)) === 'mended',
    );
  });

  it('ends no worker whose child dies meanwhile: calls wait for the change that mends it', async () => {
    const { app, project, dev } = await start(['-P', 'processes', '-c', '1']);
    expect(await app.sendTask('version').get(soon)).toBe('one');
    project.write('tasks/version.ts', 'throw new Error("not yet");');
    await said(dev, /the code does not load, see above/);
    const [stats] = Object.values(await app.inspect.stats(soon));
    const [child] = (stats as { pool: { processes: readonly number[] } }).pool.processes;
    process.kill(child!, 'SIGKILL');
    await said(dev, /calls wait for the next change of the code/);
    const call = await app.sendTask('version');
    project.write('tasks/version.ts', versionTask('mended'));
    expect(await call.get(soon)).toBe('mended');
    await reloaded(dev, 1);
    // What waits for no child that will come needs no time to stop.
    expect(dev.output).not.toMatch(/5 children in a row|the time to stop is over/);
  });

  it('at the first start is waited for', async () => {
    const { app, project, dev } = await start([], {
      'tasks/version.ts': 'throw new Error("not yet");',
    });
    await said(dev, /it starts again when something changes/);
    project.write('tasks/version.ts', versionTask('at last'));
    expect(await app.sendTask('version').get(soon)).toBe('at last');
  });
});

it('an app that ends its process while it loads is waited for, and the log says that it did', async () => {
  const { app, project, dev } = await start([], { 'tasks/version.ts': 'process.exit(0);' });
  const early = 'the app ended its process with exit code 0 while it was loaded';
  expect(dev.stderr).toContain(early);
  project.write('tasks/version.ts', versionTask('at last'));
  expect(await app.sendTask('version').get(soon)).toBe('at last');
  project.write('tasks/version.ts', 'process.exit(0);');
  await said(dev, /the code does not load, see above; the worker goes on/);
  expect(dev.stderr.split(early)).toHaveLength(3);
  expect(await app.sendTask('version').get(soon)).toBe('at last');
});

describe('what is watched', () => {
  it('are new files and folders, and what the app includes from elsewhere', async () => {
    const { app, project, dev } = await start();
    expect(dev.stderr).toMatch(/watches +src, tasks/);
    project.write('tasks/deep/down/here.ts', versionTask('deep', 'deep', '../../../src/app.js'));
    await reloaded(dev, 1);
    expect(await app.sendTask('deep').get(soon)).toBe('deep');
    project.write('tasks/deep/down/here.ts', versionTask('deeper', 'deep', '../../../src/app.js'));
    await reloaded(dev, 2);
    expect(await app.sendTask('deep').get(soon)).toBe('deeper');
  });

  it('are neither the files of others nor what builds write', async () => {
    const { app, project, dev } = await start(['--watch', 'notes.txt'], { 'notes.txt': 'a' });
    for (const file of ['dist/x.js', 'node_modules/x/index.js', '.git/x.json', 'readme.md'])
      project.write(file, 'export {};');
    // What is watched is seen behind them.
    project.write('notes.txt', 'b');
    await reloaded(dev, 1);
    expect(dev.output).toContain('notes.txt changed');
    expect(dev.output).not.toMatch(/(dist|node_modules|\.git|readme).* changed/);
    expect(await app.sendTask('version').get(soon)).toBe('one');
  });
});

describe.runIf(process.platform === 'linux')('what waits for the next change', () => {
  it('may die, it or its children, and changes are taken up all the same', patient, async () => {
    const { app, project, dev } = await start(['-P', 'processes', '-c', '1']);
    for (const version of ['two', 'three']) {
      const [waiting, child] = await standby(app, dev);
      process.kill(version === 'two' ? child : waiting, 'SIGKILL');
      await untilGone([child]);
      project.write('tasks/version.ts', versionTask(version));
      await until(
        'the new code answers',
        async () => (await app.sendTask('version').get(soon)) === version,
      );
      await reloaded(dev, version === 'two' ? 1 : 2);
    }
  });

  it('ends with a dtask dev that is killed while it starts', async () => {
    const { dev } = await start(['-P', 'processes', '-c', '1']);
    const all = await until('a process begins to wait', () => {
      const pids = descendants(dev.pid);
      return pids.length > 2 && pids;
    });
    dev.signal('SIGKILL');
    await untilGone(all, 10_000);
  });

  it('ends with Ctrl-C, children and all', patient, async () => {
    const { app, project, dev } = await start(['-P', 'processes', '-c', '3']);
    project.write('tasks/version.ts', versionTask('two'));
    await reloaded(dev, 1);
    await standby(app, dev);
    const all = await until('every child is there', () => {
      const pids = descendants(dev.pid);
      // A worker with three, and what waits with two.
      return pids.length === 7 && pids;
    });
    dev.signalGroup('SIGINT');
    expect(await dev.end()).toEqual({ code: 0, signal: null });
    await untilGone(all);
  });
});

it('starts a Redis where none listens, keeps it over reloads, and ends it after Ctrl-C', async () => {
  const port = await freePort();
  const { app, project, dev } = await start([], {}, `redis://127.0.0.1:${port}/0`);
  expect(dev.stderr).toMatch(/broker .*started here/);
  const kept = await app.sendTask('later', [], { countdown: '1h' });
  project.write('tasks/version.ts', versionTask('two'));
  await reloaded(dev, 1);
  expect(await app.sendTask('version').get(soon)).toBe('two');
  expect(await kept.state()).toBe('PENDING');
  dev.signalGroup('SIGINT');
  expect(await dev.end()).toEqual({ code: 0, signal: null });
  await until('the Redis is gone', async () => !(await listens(port)));
});

describe('periodic tasks', () => {
  it('are sent, and by the new code once that is loaded', async () => {
    const { project, trace, dev } = await start([], { 'tasks/tick.ts': tickTask('one', '300ms') });
    expect(dev.stderr).toMatch(/beat +1 entry$/m);
    await trace.started('one', 2);
    project.write('tasks/tick.ts', tickTask('two', '400ms'));
    await trace.started('two', 2);
  });

  it('that are wrong keep the old code running', async () => {
    const { project, app, dev } = await start([], { 'tasks/tick.ts': tickTask('one', '300ms') });
    project.write('tasks/tick.ts', tickTask('two', 'often'));
    await said(dev, /the code does not load, see above; the worker goes on/);
    expect(dev.stderr).toMatch(/every must be .*often/);
    expect(await app.sendTask('version').get(soon)).toBe('one');
  });

  it('are left to others with --no-beat', async () => {
    const { dev } = await start(['--no-beat'], { 'tasks/tick.ts': tickTask('one', '300ms') });
    expect(dev.stderr).not.toMatch(/beat/);
  });
});

/** An app in a folder of its own, which tests write. */
class Project {
  readonly dir = mkdtempSync(join(tmpdir(), 'dtask-dev-'));

  constructor(files: Readonly<Record<string, string>>) {
    mkdirSync(this.path('node_modules'));
    symlinkSync(
      fileURLToPath(new URL('../../apps/dtask', import.meta.url)),
      this.path('node_modules/dtask'),
    );
    this.write('package.json', '{ "type": "module" }');
    for (const [file, text] of Object.entries(files)) this.write(file, text);
    onTestFinished(() => removeFolder(this.dir));
  }

  path(file: string): string {
    return join(this.dir, file);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }
}

const appModule = (include: string): string =>
  `import { App } from 'dtask';\nexport const app = new App('dev', { include: ['${include}'] });\n`;

const versionTask = (version: string, name = 'version', app = '../src/app.js'): string =>
  `import { app } from '${app}';\nexport const task = app.task('${name}', (): string => '${version}');\n`;

/** Notes each of its runs under a mark. */
const tickTask = (mark: string, every: string): string => `
import { appendFileSync } from 'node:fs';
import { currentTask } from 'dtask';
import { app } from '../src/app.js';

const file = process.env['TRACE_DIR'] + '/${mark}.starts';
export const tick = app.task('tick', () => {
  const start = { id: currentTask().id, pid: process.pid, at: Date.now() };
  appendFileSync(file, JSON.stringify(start) + '\\n');
}, { every: '${every}' });
`;

/** Runs until the test lets it end. */
const slowTask = (word: string): string => `
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { currentTask } from 'dtask';
import { app } from '../src/app.js';

const dir = process.env['TRACE_DIR'];
export const slow = app.task('slow', async (mark: string) => {
  const start = { id: currentTask().id, pid: process.pid, at: Date.now() };
  appendFileSync(dir + '/' + mark + '.starts', JSON.stringify(start) + '\\n');
  while (!existsSync(dir + '/' + mark + '.open')) await delay(10);
  return '${word}';
});
`;

/** Starts `dtask dev` on a project of three files, or others; resolves when it said something. */
async function start(
  flags: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
  url = engine.url,
) {
  const { app, trace, ...stage } = stageAt(url);
  const project = new Project({
    'src/app.ts': appModule('../tasks/**/*.ts'),
    'tasks/version.ts': versionTask('one'),
    'tasks/slow.ts': slowTask('old'),
    ...files,
  });
  const { environment: env } = stage;
  const dev = startDtask(['dev', '-A', 'app', '-l', 'info', ...flags], {
    cwd: project.dir,
    env,
    leads: true,
  });
  await said(dev, /"msg":"ready"|it starts again when something changes/);
  return { app, trace, project, dev };
}

/** Whether a process is one of a pool, and not one that only tries a command. */
function isChild(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('process-entry');
  } catch {
    // It is gone.
    return false;
  }
}

/** Resolves when a process waits beside the worker, to that and one of its children. */
function standby(app: App, dev: DtaskProcess): Promise<[number, number]> {
  return until(
    'a process waits with a child',
    async () => {
      const workers = Object.keys(await app.inspect.ping()).map((name) => name.split('.').at(-1));
      if (workers.length !== 1) return undefined;
      const others = descendants(dev.pid).filter((pid) => String(pid) !== workers[0]);
      for (const pid of others) {
        const child = descendants(pid).find(isChild);
        if (child !== undefined) return [pid, child] as [number, number];
      }
      return undefined;
    },
    30_000,
  );
}

function stageAt(url: string) {
  const stage = setStage(url);
  return {
    app: stage.app,
    trace: stage.trace,
    environment: stage.environment({ DTASK_EMBEDDED_ENGINE: 'wasm' }),
  };
}

function said(dev: DtaskProcess, pattern: RegExp): Promise<unknown> {
  return until(`it said ${String(pattern)}`, () => pattern.test(dev.output), 20_000).catch(
    (error: Error) => {
      throw new Error(`${error.message}\n${dev.output}`, { cause: error });
    },
  );
}

/** Resolves when it has reloaded so many times. */
async function reloaded(dev: DtaskProcess, times: number): Promise<void> {
  await until(
    `it has reloaded ${times} times`,
    () => dev.output.split('"msg":"reloaded in').length > times,
  );
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    const settle = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', settle(true)).once('error', settle(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
