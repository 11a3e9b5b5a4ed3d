/** Projects in folders whose names have characters with a meaning somewhere: they load, or the reason is the true one. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type DtaskProcess, runDtask, startDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { removeFolder } from '../support/remove-folder.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';

const soon = { timeout: '20s' } as const;
const place = mkdtempSync(path.join(tmpdir(), 'folders-'));
symlinkSync(
  fileURLToPath(new URL('../../node_modules', import.meta.url)),
  path.join(place, 'node_modules'),
);
afterAll(() => removeFolder(place));

const taskModule = (word: string): string => `
import { app } from '../app.js';
export class Words {
  @app.task({ name: 'word' })
  static word(times: number): string {
    return '${word}'.repeat(times);
  }
}
`;

/** Writes a project; gives its folder. */
function project(name: string, source = 'ts'): string {
  const folder = path.join(place, name);
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  };
  write('package.json', JSON.stringify({ type: 'module' }));
  const compilerOptions = { experimentalDecorators: true, emitDecoratorMetadata: true };
  write('tsconfig.json', JSON.stringify({ compilerOptions }));
  write(`name.${source}`, "export const name = 'folders';\n");
  write(
    `app.${source}`,
    "import { App } from 'dtask';\nimport { name } from './name.js';\nexport const app = new App(name, { include: ['./tasks/*.ts'] });\n",
  );
  if (source === 'ts') write('tasks/word.ts', taskModule('ha'));
  else {
    write(
      'tasks/word.js',
      "import { app } from '../app.js';\nexport const word = app.task('word', (times) => 'ha'.repeat(times));\n",
    );
  }
  return folder;
}

const ready = (worker: DtaskProcess): Promise<unknown> =>
  until(
    'the worker is ready',
    () => worker.output.includes('"ready"') || worker.hasEnded,
    20_000,
  ).then(() => expect(worker.output).toContain('"ready"'));

describe('a project in TypeScript', () => {
  test.each([
    ['50% off', 'processes'],
    ['a%20b', 'threads'],
    ['C#', 'processes'],
    ['C#', 'threads'],
    ['[tenant]', 'threads'],
    ['{a,b}', 'processes'],
    ['ünï (日本) 𝄞', 'threads'],
    ["!it's *a+b&c;d:e@f$g^h", 'processes'],
  ])('in the folder %j runs, in a worker with the pool %s', async (name, pool) => {
    const folder = project(name);
    const stage = setStage(engine.url);
    const worker = startDtask(['worker', '-A', 'app', '-P', pool, '-c', '1'], {
      cwd: folder,
      env: stage.environment(),
    });
    await ready(worker);
    expect(await stage.app.sendTask('word', [2]).get(soon)).toBe('haha');
  });

  test('is found from above its folder, which may look like a pattern', async () => {
    project('[a]{b}');
    const stage = setStage(engine.url);
    const worker = startDtask(['worker', '-A', '[a]{b}/app.ts:app'], {
      cwd: place,
      env: stage.environment(),
    });
    await ready(worker);
    expect(await stage.app.sendTask('word', [1]).get(soon)).toBe('ha');
  });

  test('is watched by dtask dev', async () => {
    const folder = project('100% [new] C#');
    const stage = setStage(engine.url);
    const dev = startDtask(['dev', '-A', 'app', '-l', 'info'], {
      cwd: folder,
      env: stage.environment(),
      leads: true,
    });
    await ready(dev);
    writeFileSync(path.join(folder, 'tasks/word.ts'), taskModule('ho'));
    await until(
      'the new code answers',
      async () => (await stage.app.sendTask('word', [1]).get(soon)) === 'ho',
    );
  });

  test.each([
    [
      'why?',
      /app\.ts failed to load: the path .*why\?\/app\.ts has a question mark in it, behind which TypeScript is not loaded from its source; rename/,
    ],
    ['back\\slash', /app\.ts failed to load: .*must not include encoded "\/" or "\\" characters/],
  ])('in the folder %j is refused with the reason', async (name, reason) => {
    const { code, stderr } = await runDtask(['worker', '-A', 'app'], {
      cwd: project(name),
      env: { DTASK_BROKER_URL: engine.url },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
  });
});

test.each(['why?', 'C# 50%'])('a project in JavaScript in the folder %j runs', async (name) => {
  const folder = project(`js ${name}`, 'js');
  const stage = setStage(engine.url);
  const worker = startDtask(['worker', '-A', 'app', '-P', 'processes', '-c', '1'], {
    cwd: folder,
    env: stage.environment(),
  });
  await ready(worker);
  expect(await stage.app.sendTask('word', [2]).get(soon)).toBe('haha');
});

describe('the module of an app', () => {
  const esm = "import { App } from 'dtask';\nexport const app: App = new App('kind');\n";
  const kinds: Readonly<Record<string, string>> = {
    'app.ts': esm,
    'app.mts': esm,
    'app.tsx': esm,
    'app.js': esm.replace(': App', ''),
    'app.mjs': esm.replace(': App', ''),
    'app.cjs': "exports.app = new (require('dtask').App)('kind');\n",
  };

  test.each(Object.entries(kinds))('may be %s', async (file, source) => {
    const folder = project(`kind ${file}`);
    writeFileSync(path.join(folder, file), source);
    const stage = setStage(engine.url);
    const sent = await runDtask(['call', '-A', file, 'nothing'], {
      cwd: folder,
      env: stage.environment(),
    });
    expect(sent).toMatchObject({ code: 0, stderr: '' });
  });

  test('is not looked for as .cts, and refused as one with what to do', async () => {
    const folder = path.join(place, 'kind cts');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'app.cts'), esm);
    const env = { DTASK_BROKER_URL: engine.url };
    const named = await runDtask(['call', '-A', 'app.cts', 'nothing'], { cwd: folder, env });
    expect(named.stderr).toContain(
      '-A app.cts names a CommonJS module of TypeScript, which is not loaded from its source',
    );
    expect(named.stderr).toContain('make it an .mts or .ts file');
    const looked = await runDtask(['call', '-A', 'app', 'nothing'], { cwd: folder, env });
    expect(looked.stderr).toContain('names no module');
    expect(looked.stderr).not.toContain('.cts');
  });
});
