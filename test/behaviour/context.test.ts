/** What a running task knows of itself, what it logs, and the tasks that it calls. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, currentTask, RegistryError, type TaskContext } from 'dtask';
import { beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { stage } from './own-stage.js';
import { thrown } from './rejection.js';

let app: App;

beforeAll(async () => {
  app = stage.app();
  await stage.worker(app, { name: 'worker-of-this-file', concurrency: 4 });
});

const soon = { timeout: '10s' } as const;

describe('currentTask()', () => {
  test('tells a task all about its call', async () => {
    const look = app.task('context.look', (_first: number, _second: Set<string>) => {
      const {
        id,
        name,
        args,
        retries,
        queue,
        worker,
        headers,
        rootId,
        parentId,
        isEager,
        expires,
      } = currentTask();
      return {
        id,
        name,
        args,
        retries,
        queue,
        worker,
        headers,
        rootId,
        parentId,
        isEager,
        expires,
      };
    });
    const expires = new Date(Date.now() + 60_000);
    const args: [number, Set<string>] = [1, new Set(['a'])];
    const options = { id: 'look-1', headers: { tenant: 'acme' }, expires };
    expect(await look.applyAsync(args, options).get(soon)).toEqual({
      id: 'look-1',
      name: 'context.look',
      args,
      retries: 0,
      queue: 'default',
      worker: 'worker-of-this-file',
      headers: { tenant: 'acme' },
      rootId: 'look-1',
      parentId: undefined,
      isEager: false,
      expires,
    });
  });

  test('is the `this` of a function too', async () => {
    const self = app.task('context.this', function (this: TaskContext, word: string) {
      return [word, this.id === currentTask().id, this.name];
    });
    expect(await self.delay('me').get(soon)).toEqual(['me', true, 'context.this']);
  });

  test('stays that of its task across awaits, beside others', async () => {
    const waiting = app.task('context.async', async (spans: number[]) => {
      const ids = [currentTask().id];
      for (const span of spans) {
        await new Promise((resolve) => setTimeout(resolve, span));
        ids.push(currentTask().id);
      }
      return ids;
    });
    const sent = [[1, 8], [5, 1], [3], [7, 2]].map((spans) => waiting.delay(spans));
    for (const call of sent) {
      expect(new Set(await call.get(soon))).toEqual(new Set([call.id]));
    }
  });

  test('has a signal that is not aborted while the worker works', async () => {
    const task = app.task('context.signal', () => currentTask().signal.aborted);
    expect(await task.delay().get(soon)).toBe(false);
  });

  test('outside a task is refused, also in a task that is called directly', () => {
    const error = thrown(() => currentTask());
    expect(error).toBeInstanceOf(RegistryError);
    expect(error.message).toContain('currentTask() was called outside a task');
    const direct = app.task('context.direct', () => currentTask());
    expect(() => direct()).toThrow(RegistryError);
  });
});

describe('a task that calls tasks', () => {
  test('is the parent of those, and the root of all below', async () => {
    const family = (): object => {
      const { id, parentId, rootId } = currentTask();
      return { id, parentId, rootId };
    };
    const leaf = app.task('family.leaf', family);
    const middle = app.task('family.middle', async () => [
      family(),
      await leaf.applyAsync([], { id: 'leaf' }).get(soon),
    ]);
    const top = app.task('family.top', async () => [
      family(),
      ...(await middle.applyAsync([], { id: 'middle' }).get(soon)),
    ]);
    expect(await top.applyAsync([], { id: 'top' }).get(soon)).toEqual([
      { id: 'top', parentId: undefined, rootId: 'top' },
      { id: 'middle', parentId: 'top', rootId: 'top' },
      { id: 'leaf', parentId: 'middle', rootId: 'top' },
    ]);
  });

  test('gets their values in a worker with room for them', async () => {
    const square = app.task('sum.square', (x: number) => x * x);
    const sum = app.task('sum.of.squares', async (...values: number[]) => {
      const squares = await Promise.all(values.map((x) => square.delay(x).get(soon)));
      return squares.reduce((total, x) => total + x, 0);
    });
    expect(await sum.delay(1, 2, 3, 4).get(soon)).toBe(30);
  });

  test('sees the error of one that fails, and may pass it on', async () => {
    const fail = app.task('pass.fail', () => {
      throw new RangeError('too far');
    });
    const pass = app.task('pass.on', () => fail.delay().get(soon));
    const error = await pass.delay().get({ propagate: false, ...soon });
    expect(error).toMatchObject({
      errorName: 'TaskFailedError',
      message: 'too far',
      cause: { cause: { name: 'RangeError', message: 'too far' } },
    });
  });
});

describe('what a task logs', () => {
  test('carries its name and id on every line, whether by logger or by console', async () => {
    const { child, output } = startWorker();
    try {
      const caller = stage.app({ prefix: 'logging' });
      const sent = caller.sendTask('chatty', ['hello']);
      expect(await sent.get({ timeout: '20s' })).toBe('hello');
      const said = ['by the logger', 'by the console hello', 'after an await', 'succeeded in'];
      await eventually(() => said.every((text) => output.text.includes(text))).toBe(true);
      const lines = output.text.split('\n').filter((line) => line.startsWith('{'));
      const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      for (const text of said) {
        const line = records.find(({ msg }) => String(msg).startsWith(text));
        expect(line).toMatchObject({ task: 'chatty', id: sent.id });
      }
      expect(records.find(({ msg }) => msg === 'by the logger')).toMatchObject({ word: 'hello' });
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    expect(child.exitCode).toBe(0);
  });
});

/** A worker in a process of its own, and what it has printed so far. */
function startWorker(): { child: ChildProcess; output: { text: string } } {
  const cli = join(
    dirname(createRequire(import.meta.url).resolve('dtask/package.json')),
    'dist/cli.js',
  );
  const child = spawn(process.execPath, [cli, 'worker', '-A', 'logging-app.mjs'], {
    cwd: fileURLToPath(new URL('./programs', import.meta.url)),
    env: { ...process.env, DTASK_BROKER_URL: stage.engine.url, DTASK_PREFIX: 'logging' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const output = { text: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    output.text += chunk.toString();
  });
  return { child, output };
}

test('a task that returns a query builder, which runs at each `then`, runs it once', async () => {
  const own = stage.app();
  let queries = 0;
  const query = own.task('query', () => ({
    // oxlint-disable-next-line unicorn/no-thenable -- that is what such builders are
    then(resolve: (value: number) => void) {
      queries += 1;
      resolve(queries);
    },
  }));
  await stage.worker(own);
  expect(await own.sendTask(query.name).get({ timeout: '15s' })).toBe(1);
  expect(queries).toBe(1);
});
