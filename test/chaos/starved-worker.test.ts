/** Workers that get no CPU, or no connection, for a while: what they run stays theirs, and that of dead ones does not. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { descendants } from '../support/alive.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '60s' } as const;

describe('a worker whose processes get no CPU for ten seconds', { timeout: 60_000 }, () => {
  it(
    'keeps its tasks, those that may run only once among them: none runs twice',
    { timeout: 90_000 },
    async () => {
      const { app, trace, hire } = fromStage();
      const workers = [
        await hire(['-Q', 'inline', '-c', '2']),
        await hire(['-Q', 'children', '-c', '2', '-P', 'processes']),
      ];
      const calls = ['inline', 'children'].flatMap((queue) => [
        app.sendTask('gated', [queue, 1], { queue }),
        app.sendTask('gated.once', [`${queue}-once`], { queue }),
      ]);
      const marks = ['inline', 'children', 'inline-once', 'children-once'];
      await Promise.all(marks.map((mark) => trace.started(mark)));
      const looker = await hire(['-Q', 'inline,children', '-c', '4']);
      const starved = workers.flatMap(({ pid }) => [pid, ...descendants(pid)]);
      for (const pid of starved) process.kill(pid, 'SIGSTOP');
      await delay(11_000);
      for (const pid of starved) process.kill(pid, 'SIGCONT');
      for (const mark of marks) trace.open(mark);
      expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([
        1,
        'inline-once',
        1,
        'children-once',
      ]);
      expect(marks.map((mark) => trace.starts(mark).length)).toEqual([1, 1, 1, 1]);
      expect(looker.log.filter(({ msg }) => msg.includes('died'))).toEqual([]);
    },
  );

  it('loses them when it gets none for longer than its locks hold', async () => {
    const { app, trace, hire } = fromStage();
    const flags = ['--lock-duration', '2s', '--stalled-interval', '500ms'];
    const frozen = await hire(flags);
    const call = app.sendTask('gated', ['frozen', 1]);
    await trace.started('frozen');
    frozen.signal('SIGSTOP');
    await hire(flags);
    await trace.started('frozen', 2);
    trace.open('frozen');
    expect(await call.get(soon)).toBe(1);
    frozen.signal('SIGCONT');
  });
});

describe('where locks hold for minutes', { timeout: 60_000 }, () => {
  const flags = ['--lock-duration', '5m'];

  it.each(['inline', 'processes'] as const)(
    'the tasks of a killed worker run again within seconds all the same: %s',
    async (pool) => {
      const { app, trace, hire } = fromStage();
      const killed = await hire([...flags, '-P', pool, '-c', '2']);
      const call = app.sendTask('gated', ['killed', 1]);
      await trace.started('killed');
      await killed.kill();
      await hire(flags);
      await trace.started('killed', 2);
      trace.open('killed');
      expect(await call.get(soon)).toBe(1);
    },
  );

  it('a worker that loses all of its connections and makes new ones keeps its tasks', async () => {
    const { app, trace, hire, redis } = fromStage();
    const cut = await hire([...flags, '-n', 'cut', '-c', '2']);
    const call = app.sendTask('gated', ['cut', 1]);
    await trace.started('cut');
    const looker = await hire(flags);
    const ids = async (): Promise<string[]> => {
      const list = (await redis.client('LIST')) as string;
      const own = list.split('\n').filter((line) => /name=dtask:\S*cut\b/.test(line));
      return own.map((line) => /id=(\d+)/.exec(line)?.[1] ?? '');
    };
    // As long as a worker that is dead is waited for, and longer.
    for (let turn = 0; turn < 8; turn += 1) {
      for (const id of await ids()) await redis.client('KILL', 'ID', id);
      await until('it has connections again', async () => (await ids()).length > 1);
      await delay(1_000);
    }
    trace.open('cut');
    expect(await call.get(soon)).toBe(1);
    expect(trace.starts('cut')).toHaveLength(1);
    expect(looker.log.filter(({ msg }) => msg.includes('died'))).toEqual([]);
    cut.signal('SIGTERM');
    expect(await cut.end()).toEqual({ code: 0, signal: null });
  });
});

function fromStage() {
  const stage = setStage(engine.url);
  const { app, trace, redis } = stage;
  const environment = stage.environment();
  const hire = (flags: readonly string[]): Promise<WorkerProcess> =>
    startWorker({ env: environment, app: 'pools/app.ts', flags });
  return { app, trace, redis, hire };
}
