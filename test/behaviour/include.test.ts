/** Modules that an App includes: patterns, compiled twins, and what goes wrong. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, ConfigError, StartupError } from 'dtask';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runProgram } from './program.js';
import { rejection } from './rejection.js';

const modules = fileURLToPath(new URL('./modules', import.meta.url));
const including = (...include: string[]): App =>
  new App('including', { broker: 'redis://127.0.0.1:1', include });

describe('include', () => {
  test('loads every module that a pattern matches, and registers what it exports', async () => {
    const app = including('./tasks/*.js');
    expect(app.tasks.names()).toEqual([]);
    await app.load(modules);
    expect(app.tasks.names()).toEqual(['modules.greet', 'modules.shout']);
    expect(app.tasks.get('modules.greet')('you')).toBe('hello you');
  });

  test('finds what the sources of a pattern were compiled to', async () => {
    const app = including('./tasks/*.ts');
    await app.load(modules);
    expect(app.tasks.names()).toEqual(['modules.greet', 'modules.shout']);
  });

  test('takes patterns that reach into folders, and plain paths', async () => {
    const app = including('**/greet.js', 'tasks/shout.js');
    await app.load(modules);
    expect(app.tasks.names()).toEqual(['modules.greet', 'modules.shout']);
  });

  test('takes folders with characters that have a meaning in patterns', async () => {
    const folder = mkdtempSync(path.join(modules, '[tenant] {a,b}-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const name = path.basename(folder);
    const inner = path.join(folder, '(admin)');
    mkdirSync(inner);
    for (const place of [folder, inner])
      writeFileSync(
        path.join(place, 'tasks.js'),
        `import { task } from 'dtask';\nexport const one = task('modules.${place === inner ? 'inner' : 'outer'}', () => 1);\n`,
      );
    const found = async (pattern: string, root: string): Promise<string[]> => {
      const app = including(pattern);
      await app.load(root);
      return app.tasks.names();
    };
    // A file that is there is no pattern, nor is the folder that patterns start from.
    expect(await found(`./${name}/tasks.js`, modules)).toEqual(['modules.outer']);
    expect(await found('./*.js', folder)).toEqual(['modules.outer']);
    expect(await found(`${folder}/*.js`, folder)).toEqual(['modules.outer']);
    expect(await found(`${folder}/(admin)/tasks.ts`, folder)).toEqual(['modules.inner']);
    expect(await found('./\\(admin\\)/*.js', folder)).toEqual(['modules.inner']);
    const error = await rejection(found('./[admin]/*.js', folder));
    expect(error.message).toMatch(
      /matches no file in .*; \[ \] \{ \} \( \) ! and \? have a meaning in patterns: .* write a backslash before each$/,
    );
  });

  test('takes the tasks of a CommonJS module', async () => {
    const app = including('legacy.cjs');
    await app.load(modules);
    expect(app.tasks.names()).toEqual(['modules.whisper']);
  });

  test('may be loaded twice', async () => {
    const app = including('tasks/greet.js');
    await app.load(modules);
    await app.load(modules);
    expect(app.tasks.names()).toEqual(['modules.greet']);
  });

  test('loads TypeScript with decorators and their metadata, without a build', async () => {
    const ended = await runProgram('include-typescript.ts', [], ['--import', 'dtask/register']);
    expect(ended.stderr).toBe('');
    expect(JSON.parse(ended.stdout)).toEqual({
      names: ['modules.price'],
      value: '5 EUR',
      refused: 'task modules.price: args[0] must be a number, got the string "5"',
    });
  });

  test('that matches nothing is refused with the pattern and the folder', async () => {
    const error = await rejection(including('./taks/*.js').load(modules));
    expect(error).toBeInstanceOf(StartupError);
    expect(error.message).toBe(`include pattern ./taks/*.js matches no file in ${modules}`);
  });

  test('of a module that fails says which one and why', async () => {
    const error = await rejection(including('broken.js').load(modules));
    expect(error).toBeInstanceOf(StartupError);
    expect(error.message).toMatch(/module .*broken\.js failed to load: the price list is missing/);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test.each([['tasks'], [[5]], [['']]])('must be an array of patterns, not %j', (include) => {
    const wrong = include as unknown as string[];
    expect(() => new App('including', { include: wrong })).toThrow(ConfigError);
  });
});
