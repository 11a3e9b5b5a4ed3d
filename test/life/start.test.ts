/** A service that is told to stop at any moment of its start ends with 0, says nothing of errors, and leaves nothing. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { descendants, untilGone } from '../support/alive.js';
import { type DtaskProcess, fixtures, startDtask } from '../support/dtask-process.js';
import { freePorts } from '../support/free-ports.js';
import { engine } from '../support/own-engine.js';
import { removeFolder } from '../support/remove-folder.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';

/** How long a start takes on a quiet machine, and a little more, in milliseconds. */
const start = 1_200;
/** Moments of a start, spread evenly. */
const moments = [0, 1, 2, 3, 4, 5].map((part) => (start * part) / 6);

const app = ['-A', `${fixtures}faults/app.ts`];
const kinds: Readonly<Record<string, readonly string[]>> = {
  worker: ['worker', ...app, '-n', 'early'],
  'worker with a beat and a port': ['worker', ...app, '-n', 'early', '-B', '--http-port', '0'],
  'worker with children': ['worker', ...app, '-n', 'early', '-P', 'processes', '-c', '2'],
  beat: ['beat', ...app],
  'fleet of two': ['worker', ...app, '-n', 'early', '--workers', '2'],
  dev: ['dev', ...app, '-n', 'early', '--no-embedded'],
};

describe.runIf(process.platform === 'linux').each(Object.keys(kinds))('%s', (kind) => {
  it('ends with 0', { timeout: 90_000 }, async () => {
    await atEach(async (moment) => {
      const stage = setStage(engine.url);
      const service = startDtask(kinds[kind] ?? [], { env: stage.environment() });
      await stopAt(service, moment);
      expect(await stage.redis.keys(`${stage.prefix}:w:*`)).toEqual([]);
    });
  });
});

it.runIf(process.platform === 'linux')(
  'a worker whose Redis is still to be started ends with 0, and so does that',
  { timeout: 90_000 },
  async () => {
    await atEach(async (moment) => {
      const cwd = mkdtempSync(join(tmpdir(), 'dtask-early-'));
      onTestFinished(() => removeFolder(cwd));
      const [port = 0] = await freePorts(1);
      const env = { DTASK_BROKER_URL: `redis://127.0.0.1:${port}/0` };
      await stopAt(startDtask(['worker', ...app, '--embedded'], { cwd, env }), moment);
    });
  },
);

it.runIf(process.platform === 'linux')(
  'a worker, and a beat, that wait for a Redis that is not there end with 0',
  async () => {
    const [port = 0] = await freePorts(1);
    const env = { DTASK_BROKER_URL: `redis://127.0.0.1:${port}/0` };
    const both = ['worker', 'beat'].map(async (command) => {
      const service = startDtask([command, ...app], { env });
      await until('it says that it waits', () => service.output.includes('cannot start yet'));
      await stopAt(service, 0);
    });
    await Promise.all(both);
  },
);

/** Tries every moment, two at a time. */
async function atEach(attempt: (moment: number) => Promise<void>): Promise<void> {
  const left = [...moments];
  const next = async (): Promise<void> => {
    for (let moment = left.shift(); moment !== undefined; moment = left.shift())
      await attempt(moment);
  };
  await Promise.all([next(), next()]);
}

/** Tells a service to stop, so long after it listens for signals. */
async function stopAt(service: DtaskProcess, moment: number): Promise<void> {
  // Node itself listens for SIGTERM from its start, and ends the process.
  await until('it listens for signals', () => listens(service.pid, constants.signals.SIGHUP));
  await delay(moment);
  const below = descendants(service.pid);
  service.signal('SIGTERM');
  const ending = await service.end();
  expect({ moment, ...ending, said: errorsOf(service) }).toEqual({
    moment,
    code: 0,
    signal: null,
    said: [],
  });
  await untilGone(below, 15_000);
}

/** Whether a process has a handler for a signal. */
function listens(pid: number, signal: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const caught = BigInt(`0x${/^SigCgt:\s+(\w+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((caught >> BigInt(signal - 1)) & 1n) === 1n;
}

/** The lines that tell of errors. */
const errorsOf = ({ stdout, stderr }: DtaskProcess): string[] =>
  [...stdout.split('\n'), ...stderr.split('\n')].filter((line) =>
    /"level":[56]0|^dtask: |^\s+at |Error/.test(line),
  );
