/** Several waits at a time: for one result, and for the parts of a group. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';

const run = promisify(execFile);
const program = fileURLToPath(new URL('./failed-group.mjs', import.meta.url));

it('a result that has come already is given to all who ask for it at the same time', async () => {
  const app = stage.app();
  const add = app.task('add', (x: number, y: number) => x + y);
  await stage.worker(app);
  // From now on pushes are heard, and calls need no look at their keys.
  await add.delay(1, 2).get();

  const result = await add.delay(3, 4);
  await eventually(() => result.state()).toBe('SUCCESS');
  const soon = { timeout: '3s' } as const;
  expect(await Promise.all([result.get(soon), result.get(soon)])).toEqual([7, 7]);
});

it('a process that heard that a group has failed does not wait for the rest of it', async () => {
  const app = stage.app();
  const gate = new Gate();
  app.task('fails', () => {
    throw new Error('one part failed');
  });
  app.task('goesOn', () => gate.passed);
  await stage.worker(app);
  try {
    const { stdout } = await run(process.execPath, [program, stage.engine.url, app.config.prefix], {
      timeout: 15_000,
      killSignal: 'SIGKILL',
    });
    expect(stdout).toBe('one part failed\n');
  } finally {
    gate.open();
  }
});
