/** Two copies of dtask in one process, as with two versions of a library that depends on it. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { App, currentTask } from 'dtask';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { thrown } from './rejection.js';
import { app } from './served-app.js';

const built = fileURLToPath(new URL('../../packages/core/dist', import.meta.url));
/** Below this folder its dependencies are found; what is loaded from a `dist` is loaded by Node itself. */
const folder = mkdtempSync(fileURLToPath(new URL('./copy-', import.meta.url)));

let copy: typeof import('dtask');

beforeAll(async () => {
  cpSync(built, path.join(folder, 'dist'), { recursive: true });
  copy = (await import(pathToFileURL(path.join(folder, 'dist/index.js')).href)) as typeof copy;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const soon = { timeout: '10s' } as const;

describe('a second copy of dtask', () => {
  test('is another one', () => {
    expect(copy.App).not.toBe(App);
  });

  test('knows the task that runs, also across awaits', async () => {
    const who = app.task('copies.who', async () => {
      const before = copy.currentTask().id;
      await Promise.resolve();
      return [before, copy.currentTask() === currentTask()];
    });
    const sent = who.delay();
    expect(await sent.get(soon)).toEqual([sent.id, true]);
    expect(await who.apply([]).get()).toEqual([expect.any(String), true]);
  });

  test('knows of none outside a task', async () => {
    await app
      .task('copies.none', () => undefined)
      .delay()
      .get(soon);
    expect(thrown(() => copy.currentTask())).toMatchObject({ code: 'REGISTRY' });
  });

  test('declares tasks that this one runs, and gives them their context', async () => {
    const who = copy.task('copies.theirs', () => copy.currentTask().name);
    app.register(who);
    expect(await app.sendTask('copies.theirs').get(soon)).toBe('copies.theirs');
  });
});
