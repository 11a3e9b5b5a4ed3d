/** Decorated methods by standard decorators, as tsc compiles them. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { App } from 'dtask';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stage } from './own-stage.js';
import { rejection } from './rejection.js';

/** What is used of the compiled module; its own source has other compiler options than this file. */
interface Tasks {
  readonly LibraryTasks: { trim(text: string): string };
  declareTasks(app: App): {
    readonly MathTasks: { square(x: number): number; triple(x: number): number };
    readonly Basket: { new (): { add(item: string): number }; readonly made: number };
  };
  declareBare(app: App): unknown;
  declareField(app: App): unknown;
}

const project = fileURLToPath(new URL('./standard-decorators', import.meta.url));
const built = join(project, 'dist');

/** To a folder from which `dtask` is found; gives what the compiler complains of. */
function compile(): string {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
  const compiler = join(dirname(manifest), 'bin/tsc');
  return spawnSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' }).stdout;
}

let complaints: string;
let app: App;
let tasks: Tasks;
let declared: ReturnType<Tasks['declareTasks']>;

beforeAll(async () => {
  app = stage.app();
  complaints = compile();
  tasks = (await import(join(built, 'tasks.js'))) as Tasks;
  declared = tasks.declareTasks(app);
  await stage.worker(app);
});
afterAll(() => rmSync(built, { recursive: true, force: true }));

const soon = { timeout: '10s' } as const;

describe('a method marked by a standard decorator', () => {
  test('compiles without a complaint', () => {
    expect(complaints).toBe('');
  });

  test('is called as before, and runs on a worker by delay', async () => {
    const { MathTasks } = declared;
    expect(MathTasks.square(4)).toBe(16);
    expect(await MathTasks.square.delay(5).get(soon)).toBe(25);
  });

  test('is named by its class, and sees its members', async () => {
    expect(declared.MathTasks.triple.name).toBe('MathTasks.triple');
    expect(await app.sendTask('MathTasks.triple', [2]).get(soon)).toBe(6);
  });

  test('has the context in currentTask()', async () => {
    expect(await app.sendTask('std.who').get(soon)).toBe('std.who');
  });

  test('of an object is refused until the App has its class', async () => {
    const error = await rejection(app.sendTask('std.clear').get(soon));
    expect(error.message).toContain('task std.clear is a method of an object');
  });

  test('of an object runs on one instance for the process, private names and all', async () => {
    const { Basket } = declared;
    app.register(Basket);
    expect(await app.sendTask('Basket.add', ['tea']).get(soon)).toBe(1);
    expect(await app.sendTask('Basket.add', ['rice']).get(soon)).toBe(2);
    expect(await app.sendTask('std.clear').get(soon)).toBe(2);
    expect(Basket.made).toBe(1);
  });

  test('of an object runs on the instance that is registered', async () => {
    const { Basket } = declared;
    const basket = new Basket();
    basket.add('salt');
    app.register(basket);
    expect(await app.sendTask('Basket.add', ['oil']).get(soon)).toBe(2);
  });

  test('of a library runs where an App takes its class', async () => {
    app.register(tasks.LibraryTasks);
    expect(await tasks.LibraryTasks.trim.delay('  tea ').get(soon)).toBe('tea');
  });
});

describe('a standard decorator', () => {
  test('without parentheses is refused with what to write', () => {
    expect(() => tasks.declareBare(app)).toThrow('write @app.task() with parentheses');
  });

  test('on a field is refused', () => {
    expect(() => tasks.declareField(app)).toThrow(/@task\(\) marks methods/);
  });
});
