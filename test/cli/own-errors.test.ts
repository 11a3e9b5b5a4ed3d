/** The error of a task is what its caller gets, whatever throws beside it. */
import { chain, EncodeError, TaskFailedError, task } from 'dtask';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rejection } from '../behaviour/rejection.js';
import { stage } from '../support/own-stage.js';
import { until } from '../support/until.js';
import { WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '20s' } as const;
/** Its code is the worker's. */
const failing = task('retryFor', (_x: number) => 0);
beforeAll(() => stage.app.register(failing));

const own = { errorName: 'RangeError', message: 'the task itself' };
const broken = 'TypeError: the callback is broken';

/** What goes wrong beside the task's error, by task, and what is noted of it. */
const cases: Readonly<Record<string, readonly string[]>> = {
  plain: [],
  retryFor: [`retryFor threw ${broken}`],
  dontRetryFor: [`dontRetryFor threw ${broken}`],
  'retryFor.class': [`retryFor threw ${broken}`],
  'retryFor.promise': [
    'retryFor threw ConfigError: it gave a promise; it must give true or false at once',
  ],
  hooks: [],
  'hooks.retry': [],
  'middleware.wrap': [],
  'retry.countdown': [
    expect.stringMatching(
      /^the retry that the task asked for threw ConfigError: .*countdown.*soonish/,
    ) as string,
  ],
  'retry.eta': [
    'the retry that the task asked for threw ConfigError: the eta of a retry must be a valid Date',
  ],
};

describe.each(['inline', 'threads', 'processes'])('in a pool of kind %s', (pool) => {
  let worker: WorkerProcess;
  const queue = `own-${pool}`;
  beforeAll(async () => {
    worker = new WorkerProcess({
      app: 'faults/callbacks.ts',
      env: stage.environment(),
      flags: ['-P', pool, '-c', '2', '-Q', queue, '--events'],
    });
    await worker.ready();
  });
  afterAll(() => worker.kill());

  const logOf = (id: string, message: string | RegExp) =>
    until(`${String(message)} is logged`, () =>
      worker.log.find((line) => line.id === id && line.msg.match(message)),
    );

  /** The last failure that is kept of a task. */
  const newest = async (name: string) => {
    for await (const kept of stage.app.failed.list({ queue, task: name })) return kept;
    return undefined;
  };

  it.each(Object.entries(cases))('%s: the error of the task wins', async (name, notes) => {
    const call = await stage.app.sendTask(name, [], { queue });
    const error = await rejection<TaskFailedError>(call.get(soon));
    expect(error).toBeInstanceOf(TaskFailedError);
    if (name === 'middleware.wrap')
      expect(error.cause).toMatchObject({ name: 'URIError', cause: { message: own.message } });
    else expect(error).toMatchObject(own);
    expect(error.notes).toEqual(notes);
    for (const text of error.notes) expect(error.stack).toContain(`\n    note: ${text}`);
    const line = await logOf(call.id, 'failed');
    const logged = { ...(line['err'] as object), ...line } as { notes?: unknown };
    expect(logged.notes ?? []).toEqual(notes);
    const kept = await newest(name);
    expect(kept?.error.notes ?? []).toEqual(notes);
  });

  it('a filter that throws is logged with its own stack', async () => {
    const call = await stage.app.sendTask('retryFor', [], { queue });
    await rejection(call.get(soon));
    expect(
      await logOf(call.id, /^retryFor threw; the task fails with its own error$/),
    ).toMatchObject({
      level: 50,
      task: 'retryFor',
      err: { message: 'the callback is broken', stack: expect.stringContaining('callbacks.ts') },
    });
  });

  it('a middleware that throws while it cleans up has the error of the task noted', async () => {
    const call = await stage.app.sendTask('middleware.cleanup', [], { queue });
    const error = await rejection<TaskFailedError>(call.get(soon));
    expect(error).toMatchObject({ errorName: 'TypeError', message: 'the callback is broken' });
    expect(error.notes).toEqual([
      'middleware cleaner threw this; before it RangeError: the task itself',
    ]);
    expect(await logOf(call.id, /^middleware cleaner threw another error/)).toMatchObject({
      err: { message: 'the task itself', stack: expect.stringContaining('callbacks.ts') },
    });
  });

  it('an errback that cannot be sent is logged, and what follows the task hears of the failure', async () => {
    const step = (name: string, ...args: unknown[]) => stage.app.signature(name, args, { queue });
    const fails = step('plain')
      .onError(step('errback'))
      .set({ id: `fails-${pool}` });
    const call = chain(step('one', 1), fails, step('one')).delay();
    const error = await rejection<TaskFailedError>(call.get(soon));
    expect(error).toMatchObject(own);
    expect(await logOf(`fails-${pool}`, /could not be sent$/)).toMatchObject({
      err: { message: 'the callback is broken' },
    });
    const kept = await until('it is kept with the failed ones', async () => {
      const found = await newest('plain');
      return found?.id === `fails-${pool}` && found;
    });
    expect(kept.error).toMatchObject({ name: 'RangeError', message: own.message });
  });

  it('of an item of a map has its note', async () => {
    const map = failing.map([1], { onItemError: 'collect', queue });
    for await (const { error } of map as AsyncIterable<{ error?: Error }>)
      expect(error).toMatchObject({ message: own.message, notes: [`retryFor threw ${broken}`] });
  });

  it('a value that cannot even be looked at fails its task, and the worker goes on', async () => {
    const error = await rejection(stage.app.sendTask('hollow', [], { queue }).get(soon));
    expect([EncodeError, TaskFailedError].some((kind) => error instanceof kind)).toBe(true);
    expect(await stage.app.sendTask('one', [1], { queue }).get(soon)).toBe(1);
  });
});
