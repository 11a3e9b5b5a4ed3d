/** CPU profiles of workers and their children. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { runDtask, startDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { removeFolder } from '../support/remove-folder.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

interface CpuProfile {
  readonly nodes: readonly {
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dtask-profile-'));
  onTestFinished(() => removeFolder(folder));
  return folder;
}

/** Whether a profile has seen the task's own module. */
const hasTask = ({ nodes }: CpuProfile): boolean =>
  nodes.some(({ callFrame }) => callFrame.url.endsWith('pools/app.ts'));

it.each([
  ['inline', 1],
  ['threads', 2],
  ['processes', 2],
] as const)(
  'a worker with a pool of kind %s writes %i profiles when it ends, and one has the task',
  async (pool, count) => {
    const stage = setStage(engine.url);
    const folder = join(newFolder(), 'made', 'by', 'it');
    const worker = await startWorker({
      app: 'pools/app.ts',
      env: stage.environment(),
      flags: ['-P', pool, '-c', '1', '--profile', folder, '-n', 'w1@here'],
    });
    await stage.app.sendTask('burn', ['burns', 300]).get({ timeout: '20s' });
    worker.signal('SIGTERM');
    await worker.end();
    const files = readdirSync(folder);
    expect(files).toHaveLength(count);
    expect(
      files.every((file) => /^dtask-w1@here-\d+(-\d+)?-[\dTZ-]+\.cpuprofile$/.test(file)),
    ).toBe(true);
    const profiles = files.map(
      (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile,
    );
    for (const { samples } of profiles) expect(samples.length).toBeGreaterThan(0);
    expect(profiles.filter(hasTask)).toHaveLength(1);
    expect(
      worker.log.filter(({ msg }) => msg.startsWith('the CPU profile is in ')),
    ).not.toHaveLength(0);
  },
);

it('a worker of which no folder is named writes its profile to profiles', async () => {
  const stage = setStage(engine.url);
  const cwd = newFolder();
  const app = fileURLToPath(new URL('../fixtures/pools/app.ts', import.meta.url));
  const worker = startDtask(['worker', '-A', app, '--profile'], { cwd, env: stage.environment() });
  await until('the worker is ready', () => worker.output.includes('ready'), 15_000);
  worker.signal('SIGTERM');
  expect(await worker.end()).toEqual({ code: 0, signal: null });
  expect(readdirSync(join(cwd, 'profiles'))).toHaveLength(1);
});

it('a worker that has no folder to write to does not start', async () => {
  const stage = setStage(engine.url);
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  const { code, stderr } = await runDtask(
    ['worker', '-A', 'pools/app.ts', '--profile', join(file, 'folder')],
    { env: stage.environment() },
  );
  expect(code).toBe(1);
  expect(stderr).toContain(`no profile can be written to ${join(file, 'folder')}`);
});
