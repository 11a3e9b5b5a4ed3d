/** The result of a call travels as its id, in what tasks give and in what they get. */
import { AsyncResult, chain, chord, EncodeError, GroupResult, task } from 'dtask';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rejection } from '../behaviour/rejection.js';
import { stage } from '../support/own-stage.js';
import { WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '20s' } as const;
/** Its code is the worker's. */
const one = task('one', (x: number) => x + 1);
beforeAll(() => stage.app.register(one));

describe.each(['inline', 'threads', 'processes'])('in a pool of kind %s', (pool) => {
  let worker: WorkerProcess;
  const queue = `handles-${pool}`;
  beforeAll(async () => {
    worker = new WorkerProcess({
      app: 'faults/handles.ts',
      env: stage.environment({ DTASK_DEFAULT_QUEUE: queue }),
      flags: ['-P', pool, '-c', '2'],
    });
    await worker.ready();
  });
  afterAll(() => worker.kill());

  const send = (name: string, args: readonly unknown[] = []) =>
    stage.app.sendTask(name, [...args], { queue });

  it.each(['by.async', 'by.await', 'by.function', 'by.options', 'by.id', 'by.chain'])(
    '%s: what a task calls and gives arrives as its result',
    async (name) => {
      const given = await send(name).get(soon);
      expect(given).toBeInstanceOf(AsyncResult);
      expect(await (given as AsyncResult).get(soon)).toBe(2);
    },
  );

  it.each([
    ['by.group', [2, 3]],
    ['by.groups', [2, [3, 3]]],
    ['by.generator', [2]],
  ])('%s: a group arrives with its parts', async (name, values) => {
    const given = await send(name).get(soon);
    expect(given).toBeInstanceOf(GroupResult);
    expect(await (given as GroupResult).get(soon)).toEqual(values);
    expect(await (given as GroupResult).completedCount()).toBe(values.length);
  });

  it('they may stand anywhere in a value', async () => {
    const given = (await send('nested').get(soon)) as {
      readonly list: readonly AsyncResult[];
      readonly map: ReadonlyMap<string, AsyncResult>;
    };
    const all = [...given.list, ...given.map.values()];
    expect(await Promise.all(all.map((result) => result.get(soon)))).toEqual([2, 3, 4]);
  });

  it('the failure of the other task is that of its result, not of who gave it', async () => {
    const given = (await send('failing').get(soon)) as AsyncResult;
    expect(await rejection(given.get(soon))).toMatchObject({ errorName: 'RangeError' });
  });

  it('a task gets the results of calls, sent ones and known ones, and may wait for them', async () => {
    const sent = one.applyAsync([1], { queue });
    expect(await send('asks', [sent]).get(soon)).toBe(2);
    const result = await one.applyAsync([2], { queue });
    expect(await send('asks', [result]).get(soon)).toBe(3);
    expect(await send('asks', [stage.app.result(result.id)]).get(soon)).toBe(3);
    expect(await send('asks.all', [{ results: [sent, result] }]).get(soon)).toEqual([2, 3]);
    expect(await send('idOf', [result]).get(soon)).toEqual(['AsyncResult', result.id]);
  });

  it('a step gets the result that the step before has given', async () => {
    const step = (name: string) => stage.app.signature(name, [], { queue });
    expect(await chain(step('by.async'), step('asks')).delay().get(soon)).toBe(2);
    expect(await chain(step('by.group'), step('asks')).delay().get(soon)).toEqual([2, 3]);
    const header = [step('by.async'), step('by.async')];
    const all = chord(header, step('asks.list') as never).delay();
    expect(await all.get(soon)).toEqual([2, 2]);
  });
});

describe('a call whose id is not known yet', () => {
  it('is refused where it would travel', async () => {
    const unique = one.applyAsync([1], { unique: true, queue: 'idle' });
    const error = await rejection(stage.app.sendTask('asks', [unique]).then());
    expect(error).toBeInstanceOf(EncodeError);
    expect(error.message).toMatch(/^args\[0\]: is a call whose id is known when it is sent; await/);
    const sent = await stage.app.sendTask('asks', [await unique], { queue: 'idle' });
    expect(await sent.revoke()).toBe(true);
  });

  it('so is a group whose parts are still being sent', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const group = stage.app.group(
      (async function* parts() {
        yield stage.app.signature('one', [1], { queue: 'idle' });
        await gate;
      })(),
    );
    const error = await rejection(stage.app.sendTask('asks', [group]).then());
    expect(error.message).toMatch(/^args\[0\]: is a group whose parts are still being sent; await/);
    go();
    const sent = await group;
    await sent.revoke();
  });
});

describe('in place', () => {
  it('apply() takes and gives them too', async () => {
    const back = stage.app.task('back', (result: AsyncResult) => [result, result.id]);
    const result = stage.app.result('some-id');
    const [given, id] = (await back.apply([result]).get()) as [AsyncResult, string];
    expect(given).toBeInstanceOf(AsyncResult);
    expect([given.id, id]).toEqual(['some-id', 'some-id']);
    const free = task('free', (value: { id: string }) => [value, value.id]);
    const [read, known] = (await free.apply([result]).get()) as [{ id: string }, string];
    expect([read.id, known]).toEqual(['some-id', 'some-id']);
  });
});
