/** The password in a broker address is shown to nobody. */
import { describe, expect, it } from 'vitest';
import { runDtask, startDtask } from '../support/dtask-process.js';
import { Engine } from '../support/engine.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

describe('a password in the broker address', () => {
  const secret = 'hunter2-s3cr3t';

  it(
    'is printed by no command and in no log, whether Redis answers, refuses it, or is away',
    { timeout: 60_000 },
    async () => {
      await using locked = await Engine.start();
      const opener = setStage(locked.url);
      await opener.redis.config('SET', 'requirepass', secret);
      const right = {
        ...opener.environment(),
        DTASK_BROKER_URL: `redis://:${secret}@127.0.0.1:${locked.port}/0`,
      };
      const wrong = {
        ...right,
        DTASK_BROKER_URL: `redis://ann:${secret}x@127.0.0.1:${locked.port}/0`,
        DTASK_SEND_TIMEOUT: '500ms',
      };
      const away = {
        ...right,
        DTASK_BROKER_URL: `redis://:${secret}@127.0.0.1:1/0`,
        DTASK_SEND_TIMEOUT: '500ms',
      };
      const working = await startWorker({ env: right, flags: ['-l', 'trace'] });
      const called = await runDtask(['call', 'echo', 'open', '--wait'], { env: right });
      expect(called).toMatchObject({ code: 0, stdout: "'open'\n" });
      expect(working.stderr).toContain(`***@127.0.0.1:${locked.port}`);
      const outputs = [called];
      const runs: readonly (readonly [string[], Record<string, string>])[] = [
        [['report', '-A', 'faults/app.ts'], right],
        [['report', '--json'], wrong],
        [['report'], away],
        [['queues', '--json'], wrong],
        [['result', 'x'], away],
        [['purge', '-f'], wrong],
      ];
      outputs.push(...(await Promise.all(runs.map(([args, env]) => runDtask(args, { env })))));
      // All that had the wrong password or no Redis.
      expect(outputs.map(({ code }) => code)).toEqual([0, 0, 1, 1, 1, 1, 1]);
      const waiting = startDtask(['worker', '-A', 'faults/app.ts', '-l', 'trace'], { env: wrong });
      await until(
        'the worker tells of its trouble',
        () => /cannot start yet|WRONGPASS|NOAUTH/.test(waiting.output) || waiting.hasEnded,
        15_000,
      );
      for (const text of [
        working.output,
        waiting.output,
        ...outputs.map(({ stdout, stderr }) => stdout + stderr),
      ]) {
        expect(text).not.toContain(secret);
      }
    },
  );
});
