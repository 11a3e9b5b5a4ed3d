/** `dtask beat`, and workers that take one along: processes that send periodic tasks. */
import { describe, expect, it } from 'vitest';
import { type DtaskProcess, runDtask, startDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker, startWorkerSoon } from '../support/worker-process.js';

const quick = 'beat/quick.ts';

describe('dtask beat', () => {
  it('sends what is due until SIGTERM, and leaves with 0 and without a trace', async () => {
    const stage = setStage(engine.url);
    await startWorker({ env: stage.environment(), app: quick });
    const beat = await startBeat(stage);
    expect(beat.stderr).toMatch(/^dtask beat \S+ {2}\S+$/m);
    expect(beat.stderr).toMatch(/entries +tick$/m);
    expect(beat.stderr).toMatch(
      new RegExp(`^beatInit \\{"id":".*:${beat.pid}:.*","app":"quick","pid":${beat.pid}\\}$`, 'm'),
    );
    await stage.trace.started('tick', 3);
    expect(await beats(stage)).toBe(1);
    beat.signal('SIGTERM');
    expect(await beat.end()).toEqual({ code: 0, signal: null });
    expect(beat.stdout).toMatch(/"msg":"stopping"\}\n.*"msg":"stopped"\}\n$/);
    expect(await beats(stage)).toBe(0);
    expect(await stage.redis.exists(key(stage, 'lease'))).toBe(0);
  });

  it('may run several times: another one sends when the one that did is gone', async () => {
    const stage = setStage(engine.url);
    await startWorker({ env: stage.environment(), app: quick });
    const first = await startBeat(stage);
    await said(first, /this beat sends/);
    const second = await startBeat(stage);
    first.signal('SIGINT');
    expect(await first.end()).toEqual({ code: 0, signal: null });
    await said(second, /this beat sends/);
    const sent = stage.trace.starts('tick').length;
    await stage.trace.started('tick', sent + 2);
    second.signal('SIGHUP');
    expect(await second.end()).toEqual({ code: 75, signal: null });
  });

  it('waits for a Redis that is not there, says so, and can be stopped meanwhile', async () => {
    const beat = startDtask(['beat', '-A', quick], {
      env: { DTASK_BROKER_URL: 'redis://127.0.0.1:1/0' },
    });
    await said(beat, /beat cannot start yet: Redis at redis:\/\/127\.0\.0\.1:1\/0 does not answer/);
    beat.signal('SIGTERM');
    expect(await beat.end()).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['the app', 'beat/wrong.ts', /beat entry nightly: "61 3 \* \* \*" is not a cron string/, 4],
    ['a task', 'beat/wrong-task.ts', /got every and cron/, undefined],
  ])(
    'with a wrong entry of %s ends with 1 and says what is wrong, without a stack',
    async (_of, app, message, line) => {
      const stage = setStage(engine.url);
      for (const args of [['beat'], ['beat', '--plan'], ['worker', '-B']]) {
        const [command = '', ...flags] = args;
        const { code, stderr } = await runDtask([command, '-A', app, ...flags], {
          env: stage.environment(),
        });
        expect(code).toBe(1);
        expect(stderr).toMatch(message);
        if (line !== undefined)
          expect(stderr).toMatch(new RegExp(`^  in .*${app}:${line}:\\d+$`, 'm'));
        expect(stderr).not.toMatch(/^ +at /m);
      }
    },
  );
});

describe('dtask worker --beat', () => {
  it('sends and executes, and takes its beat along when it stops', async () => {
    const stage = setStage(engine.url);
    const worker = await startWorker({ env: stage.environment(), app: quick, flags: ['-B'] });
    expect(worker.stderr).toMatch(/beat +1 entry$/m);
    await stage.trace.started('tick', 3);
    expect(await beats(stage)).toBe(1);
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(await beats(stage)).toBe(0);
  });

  it('stops both when it is told to by remote control', async () => {
    const stage = setStage(engine.url);
    const worker = await startWorker({ env: stage.environment(), app: quick, flags: ['-B'] });
    await until('its beat is there', async () => (await beats(stage)) === 1);
    await stage.app.control.shutdown();
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(await beats(stage)).toBe(0);
  });

  it('with --workers gives each of them one, of which one sends', async () => {
    const stage = setStage(engine.url);
    const fleet = startWorkerSoon({
      env: stage.environment(),
      app: quick,
      flags: ['--beat', '--workers', '2'],
    });
    await until('both beats are there', async () => (await beats(stage)) === 2);
    await stage.trace.started('tick', 2);
    expect(fleet.stdout.split('"msg":"this beat sends"')).toHaveLength(2);
    fleet.signal('SIGTERM');
    expect(await fleet.end()).toEqual({ code: 0, signal: null });
    expect(await beats(stage)).toBe(0);
  });
});

const key = ({ prefix }: Stage, part: string): string => `${prefix}:beat:{quick}:${part}`;

/** How many beats have a claim. */
const beats = (stage: Stage): Promise<number> => stage.redis.zcard(key(stage, 'beats'));

async function startBeat(stage: Stage): Promise<DtaskProcess> {
  const beat = startDtask(['beat', '-A', quick], { env: stage.environment() });
  await said(beat, /"msg":"beat is ready"/);
  return beat;
}

async function said(beat: DtaskProcess, pattern: RegExp): Promise<void> {
  await until(`it said ${String(pattern)}`, () => pattern.test(beat.output)).catch(
    (error: Error) => {
      throw new Error(`${error.message}\n${beat.output}`, { cause: error });
    },
  );
}
