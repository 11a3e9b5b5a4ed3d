/** Code that esbuild has minified, names not kept: callers and workers tell each other's errors nevertheless. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, type BuildOptions } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engine } from '../support/own-engine.js';
import { cleanEnvironment, runDtask, startDtask } from '../support/dtask-process.js';
import { until } from '../support/until.js';

const project = fileURLToPath(new URL('./project', import.meta.url));
const folder = path.join(project, 'dist');
const built = (name: string): string => path.join(folder, `${name}.mjs`);

/** What bundlers need that put CommonJS packages into an ES module. */
const banner = {
  js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
};
/** dtask itself and its packages bundled, but for what it loads by `require` at run time. */
const whole: BuildOptions = { external: ['bullmq', 'pino-pretty'], banner };
/** The user's own modules alone. */
const own: BuildOptions = { packages: 'external' };

async function bundle(source: string, name: string, options: BuildOptions): Promise<string[]> {
  const { warnings } = await build({
    entryPoints: [path.join(project, `${source}.ts`)],
    outfile: built(name),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
    ...options,
  });
  return warnings.map(({ text }) => text);
}

let warnings: string[];

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  const all = [
    bundle('caller', 'caller', own),
    bundle('caller', 'caller.min', { ...whole, minify: true }),
    bundle('app', 'app', own),
    bundle('app', 'app.min', { ...own, minify: true }),
    bundle('app', 'app.whole', { ...whole, minify: true }),
    bundle('worker', 'worker.min', { ...whole, minify: true }),
  ];
  warnings = (await Promise.all(all)).flat();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failures: Record<string, object> = {
  arguments: { name: 'ArgumentsError', code: 'ARGUMENTS' },
  'own.arguments': { name: 'ArgumentsError', code: 'ARGUMENTS' },
  nowhere: { name: 'UnknownTaskError', code: 'UNKNOWN_TASK' },
  reject: { name: 'Reject', code: 'REJECT' },
  retry: { name: 'MaxRetriesExceededError', code: 'MAX_RETRIES_EXCEEDED' },
  encode: { name: 'EncodeError', code: 'ENCODE' },
  large: { name: 'PayloadTooLargeError', code: 'PAYLOAD_TOO_LARGE' },
  hard: { name: 'TimeLimitExceededError', code: 'TIME_LIMIT_EXCEEDED' },
  soft: { name: 'SoftTimeLimitExceededError', code: 'SOFT_TIME_LIMIT_EXCEEDED' },
};
const here: Record<string, object> = {
  revoked: { name: 'TaskRevokedError', code: 'TASK_REVOKED' },
  timeout: { name: 'ResultTimeoutError', code: 'RESULT_TIMEOUT' },
  config: { name: 'ConfigError', code: 'CONFIG' },
};
const failed = { name: 'TaskFailedError', code: 'TASK_FAILED' };

/** With the class by which callers catch it. */
const asClass = ([task, facts]: [string, object]): [string, unknown] => [
  task,
  expect.objectContaining({
    ...facts,
    classes: ['DtaskError', (facts as { name: string }).name].sort(),
  }),
];

const expected = {
  ...Object.fromEntries([...Object.entries(failures), ...Object.entries(here)].map(asClass)),
  stock: expect.objectContaining({
    ...failed,
    errorName: 'OutOfStock',
    cause: ['OutOfStock', 'OUT_OF_STOCK'],
  }),
  // Its name is that of its class, whatever the build has made of that.
  anonymous: expect.objectContaining(failed),
  ignore: 'nothing',
  'math.cube': 8,
};

const run = promisify(execFile);

async function call(caller: string, prefix: string): Promise<unknown> {
  const names = [...Object.keys(failures), 'stock', 'anonymous', 'ignore', 'math.cube'];
  const { stdout } = await run(process.execPath, [built(caller), ...names], {
    env: environment(prefix),
  });
  return JSON.parse(stdout);
}

const environment = (prefix: string): Record<string, string> =>
  ({ ...cleanEnvironment(), DTASK_BROKER_URL: engine.url, DTASK_PREFIX: prefix }) as Record<
    string,
    string
  >;

test('it bundles without a warning', () => {
  expect(warnings).toEqual([]);
});

describe.each([
  ['dtask worker, with an app that is not minified', ['worker', '-A', built('app')], undefined],
  ['dtask worker, with a minified app', ['worker', '-A', built('app.min')], undefined],
  ['a minified program with a worker in it', [], built('worker.min')],
])('%s', (title, args, script) => {
  const prefix = title.replaceAll(' ', '-').slice(-12);

  test('tells callers the classes of its failures, minified or not', async () => {
    const worker = startDtask(args, { env: environment(prefix), ...(script && { script }) });
    await until('the worker is ready', () => worker.stdout.includes('"ready"'));
    expect(await call('caller', prefix)).toEqual(expected);
    expect(await call('caller.min', prefix)).toEqual(expected);
  });
});

describe('a minified app', () => {
  test('is told which tasks have names that the build has shortened', async () => {
    const worker = startDtask(['worker', '-A', built('app.min')], { env: environment('short') });
    await until('the worker is ready', () => worker.stdout.includes('"ready"'));
    expect(worker.stdout).toMatch(
      /the names of these tasks come from functions or classes that a minifier seems to have shortened, so callers may know them by others: [\w$]{1,2}\.square; give tasks names of their own/,
    );
  });

  test('is refused with the reason where dtask itself was bundled into it', async () => {
    const { code, stderr } = await runDtask(['worker', '-A', built('app.whole')], {
      env: environment('whole'),
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /app\.whole\.mjs exports an App of another copy of dtask, .* leave it out: esbuild --packages=external/,
    );
  });
});
