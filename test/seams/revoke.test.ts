/** Revoking tasks that run, in each pool, and tasks that wait in each way. */
import { chain, chord, group } from 'dtask';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { rejection } from '../behaviour/rejection.js';
import { crew, long, pools, soon } from './crew.js';

const revoked = { name: 'TaskRevokedError' } as const;

describe.each(pools)('in a pool of kind %s, a running task', (pool) => {
  beforeAll(() => crew.worker({ pool, concurrency: 1, name: `revoke-${pool}` }));
  afterAll(() => crew.dismiss());

  it('that throws when its signal fires ends as revoked, and is not retried', async () => {
    const mark = `obedient-${pool}`;
    const result = await crew.tasks.obedient.delay(mark);
    await crew.trace.started(mark);
    expect(await crew.app.control.revoke(result.id, long)).toMatchObject({ running: 1 });
    expect(await rejection(result.get(soon))).toMatchObject(revoked);
    expect(await result.state()).toBe('REVOKED');
    expect(await crew.tasks.quick.delay(1).get(soon)).toBe(1);
    expect(crew.trace.starts(mark)).toHaveLength(1);
  });

  it('that returns all the same has succeeded', async () => {
    const mark = `polite-${pool}`;
    const result = await crew.tasks.polite.delay(mark);
    await crew.trace.started(mark);
    expect(await result.revoke()).toBe(true);
    expect(await result.get(soon)).toBe('cleaned up');
    expect(await result.state()).toBe('SUCCESS');
  });

  it('that is terminated ends at once, and its slot is free', async () => {
    const mark = `deaf-${pool}`;
    const result = await crew.tasks.deaf.delay(mark);
    await crew.trace.started(mark);
    const waiting = rejection(result.get(soon));
    await result.revoke({ terminate: true });
    expect(await waiting).toMatchObject(revoked);
    // There is one slot.
    expect(await crew.tasks.quick.delay('next').get(soon)).toBe('next');
    await eventually(async () => (await crew.app.queues.counts('default')).active).toBe(0);
    crew.trace.open(mark);
  });

  it('that waits for another one is terminated, and the slots are as many as before', async () => {
    const mark = `waits-${pool}`;
    const result = await crew.tasks.waits.delay(mark);
    await crew.trace.started(`${mark}-child`);
    await crew.app.control.terminate(result.id, long);
    expect(await rejection(result.get(soon))).toMatchObject(revoked);
    crew.trace.open(`${mark}-child`);
    const marks = [0, 1, 2].map((n) => `${mark}-${n}`);
    const all = await Promise.all(marks.map((one) => crew.tasks.deaf.delay(one)));
    await eventually(() => marks.flatMap((one) => crew.trace.starts(one)).length).toBe(1);
    await eventually(async () => (await crew.app.queues.counts('default')).active).toBe(1);
    for (const one of marks) crew.trace.open(one);
    for (const one of all) expect(await one.get(soon)).toBe('done');
  });

  it('that falls under a rule by a header, a root or a group ends', async () => {
    const marks = ['header', 'root', 'group'].map((by) => `${by}-${pool}`);
    const [byHeader = '', byRoot = '', byGroup = ''] = marks;
    const { control } = crew.app;
    const header = await crew.tasks.obedient.applyAsync([byHeader], { headers: { pool } });
    await crew.trace.started(byHeader);
    expect(await control.revokeByHeaders({ pool }, long)).toMatchObject({ running: 1 });
    expect(await rejection(header.get(soon))).toMatchObject(revoked);

    const root = await crew.tasks.obedient.delay(byRoot);
    await crew.trace.started(byRoot);
    expect(await control.revokeRoot(root.id, long)).toMatchObject({ running: 1 });
    expect(await rejection(root.get(soon))).toMatchObject(revoked);

    const whole = await group(crew.tasks.deaf.s(byGroup), crew.tasks.quick.s(1)).delay();
    await crew.trace.started(byGroup);
    const ended = await control.revokeGroup(whole.id, { terminate: true, ...long });
    expect(ended).toMatchObject({ removed: 1, running: 1 });
    expect(await rejection(whole.get(soon))).toMatchObject(revoked);
    crew.trace.open(byGroup);
  });

  it('that is a step of a canvas tells what follows it', async () => {
    const mark = `step-${pool}`;
    const failing = crew.tasks.deaf.s(mark).onError(crew.tasks.onError.si(`${mark}-errback`));
    const chained = await chain(failing, crew.tasks.quick.si('never')).delay();
    await crew.trace.started(mark);
    await crew.app.control.terminate(chained.parent?.id ?? '', long);
    expect(await rejection(chained.get(soon))).toMatchObject(revoked);
    await crew.trace.started(`${mark}-errback`);

    const other = `${mark}-chord`;
    const whole = await chord(
      [crew.tasks.quick.s(1), crew.tasks.deaf.s(other)],
      crew.tasks.quick.s(),
    ).delay();
    const part = (await crew.trace.started(other))[0]?.id ?? '';
    await crew.app.control.terminate(part, long);
    expect(await rejection(whole.get(soon))).toMatchObject(revoked);
    crew.trace.open(mark);
    crew.trace.open(other);
  });
});

describe.each(['threads', 'processes'] as const)('in a pool of kind %s, a task', (pool) => {
  afterEach(() => crew.dismiss());

  it('that blocks its CPU is killed when it is terminated, and the next one runs', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const mark = `burn-${pool}`;
    const result = await crew.tasks.burn.delay(mark);
    await crew.trace.started(mark);
    const waiting = rejection(result.get(soon));
    expect(await crew.app.control.terminate(result.id, long)).toMatchObject({ running: 1 });
    expect(await waiting).toMatchObject(revoked);
    expect(await crew.tasks.quick.delay('next').get(soon)).toBe('next');
    expect(crew.trace.starts(mark)).toHaveLength(1);
  });
});

describe('a task that waits', () => {
  beforeEach(() => crew.worker({ concurrency: 4 }));
  afterEach(() => crew.dismiss());

  it('for its next try is ended at once', async () => {
    const result = await crew.tasks.patient.delay('patient');
    await eventually(() => result.state()).toBe('RETRY');
    const waiting = rejection(result.get(soon));
    expect(await crew.app.control.revoke(result.id, long)).toMatchObject({
      removed: 1,
      running: 0,
    });
    expect(await waiting).toMatchObject(revoked);
  });

  it('for its turn by a rate is ended at once', async () => {
    expect(await crew.tasks.hourly.delay(1).get(soon)).toBe(1);
    const result = await crew.tasks.hourly.delay(2);
    await eventually(async () => (await crew.app.queues.counts('default')).delayed).toBe(1);
    const waiting = rejection(result.get(soon));
    expect(await result.revoke()).toBe(true);
    expect(await waiting).toMatchObject(revoked);
    expect((await crew.app.queues.counts('default')).delayed).toBe(0);
  });

  it('for a place is ended at once, and hundreds of them hold nobody up', async () => {
    const first = await crew.tasks.alone.delay('first');
    await crew.trace.started('first');
    const many = await Promise.all(
      Array.from({ length: 300 }, (_, n) => crew.tasks.alone.delay(`revoked-${n}`)),
    );
    await eventually(async () => (await crew.app.queues.counts('default')).delayed).toBe(300);
    const last = await crew.tasks.alone.delay('last');
    await eventually(async () => (await crew.app.queues.counts('default')).delayed).toBe(301);
    const waiting = rejection(many[0]!.get(soon));
    const ended = await crew.app.control.revoke(
      many.map(({ id }) => id),
      long,
    );
    expect(ended).toMatchObject({ removed: 300, running: 0 });
    expect(await waiting).toMatchObject(revoked);
    crew.trace.open('last');
    crew.trace.open('first');
    expect(await first.get(soon)).toBe('done');
    // A sweep takes one of them out of the line every two seconds: too late for this.
    expect(await last.get(soon)).toBe('done');
  });

  it('in any way is found by a rule by a header', async () => {
    const headers = { who: 'waits' };
    await crew.tasks.hourly.delay(0).get(soon);
    await crew.tasks.alone.delay('holder');
    await crew.trace.started('holder');
    const all = await Promise.all([
      crew.tasks.hourly.applyAsync([1], { headers }),
      crew.tasks.alone.applyAsync(['parked'], { headers }),
      crew.tasks.patient.applyAsync(['ruled'], { headers }),
    ]);
    await eventually(async () => (await crew.app.queues.counts('default')).delayed).toBe(3);
    expect(await crew.app.control.revokeByHeaders(headers, long)).toMatchObject({ removed: 3 });
    for (const one of all) expect(await rejection(one.get(soon))).toMatchObject(revoked);
    crew.trace.open('holder');
  });
});

it('tasks that run while they are revoked either succeed or are revoked, never both', async () => {
  await crew.worker({ concurrency: 10 });
  const sent = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => crew.tasks.brief.delay('racing', n % 2)),
  );
  const ids = sent.map(({ id }) => id);
  await crew.trace.started('racing', 20);
  // Again and again, as those that were not there any more are what it is about.
  for (let turn = 0; turn < 3; turn += 1) await crew.app.control.revoke(ids, long);
  const states = await Promise.all(
    sent.map(async (one) => {
      await one.get({ ...soon, propagate: false });
      return one.state();
    }),
  );
  const ran = new Set(crew.trace.starts('racing').map(({ id }) => id));
  expect(sent.filter(({ id }, at) => ran.has(id) !== (states[at] === 'SUCCESS'))).toEqual([]);
  await crew.dismiss();
});

it('a task that is ended inline for its caller is told of in the log, for its code goes on', async () => {
  const worker = await crew.worker({ concurrency: 1 });
  const lines: string[] = [];
  const { warn } = worker.log;
  worker.log.warn = (...given: Parameters<typeof warn>) => {
    lines.push(String(given[1] ?? given[0]));
  };
  const result = await crew.tasks.deaf.delay('goes-on');
  await crew.trace.started('goes-on');
  await result.revoke({ terminate: true });
  expect(await rejection(result.get(soon))).toMatchObject(revoked);
  expect(lines).toContainEqual(expect.stringContaining('its code still runs'));
  crew.trace.open('goes-on');
  await eventually(() => crew.trace.ends('goes-on')).toBe(1);
  expect(await result.state()).toBe('REVOKED');
  await crew.dismiss();
});
