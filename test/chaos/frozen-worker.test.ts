/**
 * A worker that stood still for longer than its locks hold, while another one took its tasks over: what
 * it does when it goes on changes nothing.
 */
import { type App, chain, chord, ResultTimeoutError } from 'dtask';
import { describe, expect, it, onTestFinished } from 'vitest';
import { engine } from '../support/own-engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

const locks = ['--lock-duration', '1s', '--stalled-interval', '200ms'];
const lost =
  'the lock of a task was lost, and another worker has or had the task: what this run gives is dropped';

/** A call, whatever it is of. */
interface Getting {
  get(options: { timeout: '20s' | '40s' }): Promise<unknown>;
}

/** One call whose first run is on the worker that freezes. */
interface Frozen {
  readonly mark: string;
  readonly send: (app: App, mark: string) => Getting;
  /** What `get()` gives, or the message of the error. */
  readonly end: unknown;
  /** What was noted, in the name of the file. */
  readonly notes?: readonly string[];
  /** Whether it runs a second time. @default true */
  readonly again?: boolean;
}

const call = (task: string) => (app: App, mark: string) => app.sendTask(task, [mark]);

const cases: readonly Frozen[] = [
  { mark: 'plain', send: call('plain'), end: 'run 2' },
  {
    mark: 'linked',
    send: (app, mark) =>
      app
        .signature('plain', [mark])
        .link(app.signature('note', ['linked']))
        .delay(),
    end: 'run 2',
    notes: ['linked.run2'],
  },
  {
    mark: 'chain',
    send: (app, mark) =>
      chain(app.signature('plain', [mark]), app.signature('note', ['chain'])).delay(),
    end: '"run 2"',
    notes: ['chain.run2'],
  },
  {
    mark: 'chord',
    send: (app, mark) =>
      chord(
        [app.signature('plain', [mark]), app.signature('add', [1, 1])],
        app.signature('note', ['chord']),
      ).delay(),
    end: '["run 2",2]',
    notes: ['chord.run22'],
  },
  {
    mark: 'failsFirst',
    send: (app, mark) =>
      app
        .signature('fails.first', [mark])
        .linkError(app.signature('note', ['failsFirst']))
        .delay(),
    end: 'run 2',
    notes: [],
  },
  {
    mark: 'failsLater',
    send: (app, mark) =>
      app
        .signature('fails.later', [mark])
        .link(app.signature('note', ['failsLater.well']))
        .linkError(app.signature('note', ['failsLater']))
        .delay(),
    end: 'run 2',
    notes: ['failsLater.run2'],
  },
  {
    mark: 'chainFails',
    send: (app, mark) =>
      chain(app.signature('fails.first', [mark]), app.signature('note', ['chainFails'])).delay(),
    end: '"run 2"',
    notes: ['chainFails.run2'],
  },
  {
    mark: 'retries',
    send: (app, mark) => app.sendTask('retries', [mark, 'sent']),
    end: 'run 2 sent',
  },
  { mark: 'tells', send: call('tells'), end: 'run 2' },
  { mark: 'hooked', send: call('hooked'), end: 'run 2' },
  { mark: 'togetherA', send: call('together'), end: 'run 2' },
  { mark: 'togetherB', send: call('together'), end: 'run 2' },
  {
    mark: 'once',
    send: call('once'),
    end: /^the worker of task once\[.*\] was lost/,
    again: false,
  },
];

/** What was noted under names that begin so. */
const notesOf = ({ trace }: Stage, mark: string): string[] =>
  trace.names().filter((name) => new RegExp(`^${mark}\\..+\\.ends$`).test(name));

/** Where children run the tasks, those that differ there. */
const fewer = new Set(['plain', 'chord', 'failsFirst', 'hooked', 'once']);

describe.each([
  ['inline', cases],
  ['threads', cases.filter(({ mark }) => fewer.has(mark))],
  ['processes', cases.filter(({ mark }) => fewer.has(mark))],
] as const)('a frozen worker of pool %s', (pool, some) => {
  it('ends nothing that another one has taken over', { timeout: 90_000 }, async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const [frozen, go] = await startFrozen(stage, pool, some.length);
    const sent = some.map(({ mark, send }) => send(app, mark));
    const pack = app.task('packed', (mark: string) => Promise.resolve(mark), { batch: true });
    const packed = ['packA', 'packB', 'packC'].map((mark) => pack.delay(mark));
    for (const { mark } of some) await trace.started(mark);
    await trace.started('packA');
    const other = await startOther(stage);
    frozen.child.kill('SIGSTOP');
    for (const { mark } of some) trace.open(`${mark}.2`);
    for (const mark of ['packA.2', 'packB.1', 'packC.1']) trace.open(mark);
    const ends = (): Promise<unknown[]> =>
      Promise.all(
        [...sent, ...packed].map(async (result, at) => {
          try {
            return await result.get({ timeout: '40s' });
          } catch (error) {
            if (error instanceof ResultTimeoutError)
              throw new Error(`${some[at]?.mark ?? 'a packed call'} does not end`, {
                cause: error,
              });
            return (error as Error).message;
          }
        }),
      );
    const first = await ends();
    for (const { mark } of some) trace.open(`${mark}.1`);
    trace.open('packA.1');
    go();
    await until('all that the frozen worker had is dropped', () => {
      const dropped = frozen.log.filter(({ msg }) => msg === lost);
      return new Set(dropped.map(({ id }) => id)).size >= some.length + 1;
    });
    // It takes tasks again, behind all that it had to say.
    other.child.kill('SIGTERM');
    await other.ended;
    expect(await app.sendTask('add', [1, 2]).get({ timeout: '20s' })).toBe(3);

    const second = await ends();
    expect(second).toEqual(first);
    for (const [at, { mark, end, notes, again = true }] of some.entries()) {
      const said = first[at];
      if (end instanceof RegExp) expect.soft(said, mark).toMatch(end);
      else expect.soft(said, mark).toEqual(end);
      expect.soft(trace.starts(mark), mark).toHaveLength(again ? 2 : 1);
      if (notes) {
        expect.soft(notesOf(stage, mark), mark).toEqual(notes.map((name) => `${name}.ends`));
        for (const name of notes) expect.soft(trace.ends(name), name).toBe(1);
      }
    }
    expect.soft(first.slice(some.length)).toEqual(['run 2', 'run 1', 'run 1']);
    expect.soft(trace.starts('packB')).toHaveLength(1);
    expect.soft(notesOf(stage, 'hook')).toEqual(['hook.run2.ends']);
    await until('nothing is left but what has failed', async () => {
      const { waiting, delayed, active } = await app.queues.counts('default');
      return waiting + delayed + active === 0;
    });
    // Those whose second run has failed, and the one that may run only once.
    const bad = some.filter(({ mark }) => ['hooked', 'failsLater', 'once'].includes(mark));
    expect((await app.queues.counts('default')).failed).toBe(bad.length);
  });
});

it(
  'what it retries or gives back while the other one still runs the task does nothing',
  { timeout: 60_000 },
  async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const [frozen, go] = await startFrozen(stage, 'inline', 4);
    const retried = await app.sendTask('retries', ['retried', 'sent']);
    const limited = await app.sendTask('limited', ['place']);
    await trace.started('retried');
    await trace.started('place');
    await startOther(stage);
    frozen.child.kill('SIGSTOP');
    await trace.started('retried', 2, 30_000);
    await trace.started('place', 2, 30_000);
    const next = await app.sendTask('limited', ['next']);
    trace.open('retried.1');
    trace.open('place.1');
    go();
    await until(
      'both runs are dropped',
      () => frozen.log.filter(({ msg }) => msg === lost).length >= 2,
    );
    // The place is still taken: whoever comes next waits.
    await until(
      'the next one waits for the place',
      async () => (await app.queues.counts('default')).delayed === 1,
    );
    expect(trace.starts('next')).toHaveLength(0);
    trace.open('retried.2');
    expect(await retried.get({ timeout: '20s' })).toBe('run 2 sent');
    trace.open('place.2');
    trace.open('next.1');
    expect(await limited.get({ timeout: '20s' })).toBe('run 2');
    expect(await next.get({ timeout: '20s' })).toBe('run 1');
    expect(trace.starts('retried')).toHaveLength(2);
  },
);

it(
  'a lock that lapsed while nobody else looked is taken anew: the task ends, once',
  { timeout: 60_000 },
  async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const [frozen, go] = await startFrozen(stage, 'inline', 4);
    const sent = await Promise.all([
      app.sendTask('plain', ['alone']),
      app.sendTask('hooked', ['alone2']),
    ]);
    await trace.started('alone');
    await trace.started('alone2');
    frozen.child.kill('SIGSTOP');
    const keys = sent.map(({ id }) => stage.key(`${id}:lock`));
    await until('the locks have lapsed', async () => (await stage.redis.exists(...keys)) === 0);
    trace.open('alone.1');
    trace.open('alone2.1');
    go();
    expect(await sent[0]?.get({ timeout: '20s' })).toBe('run 1');
    const error = await rejection(sent[1]?.get({ timeout: '20s' }) ?? Promise.resolve());
    expect(error.message).toBe('run 1');
    expect(trace.starts('alone')).toHaveLength(1);
  },
);

async function startFrozen(
  stage: Stage,
  pool: string,
  concurrency: number,
): Promise<[WorkerProcess, () => void]> {
  const flags = ['-c', String(concurrency + 2), '-P', pool, ...locks];
  const frozen = await startWorker({ app: 'fence/app.ts', env: stage.environment(), flags });
  const go = (): void => {
    frozen.child.kill('SIGCONT');
  };
  onTestFinished(go);
  return [frozen, go];
}

const startOther = (stage: Stage): Promise<WorkerProcess> =>
  startWorker({ app: 'fence/app.ts', env: stage.environment(), flags: ['-c', '20', ...locks] });
