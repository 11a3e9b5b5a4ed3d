/** Calls that run together in a process of a pool: what it may hold, and what becomes of them where it dies. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { Troupe } from '../support/troupe.js';
import { until } from '../support/until.js';
import { declare } from './tasks.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const soon = { timeout: '15s', propagate: false } as const;

/** One worker, with one process for tasks. */
let troupe: Troupe;
let tasks: ReturnType<typeof declare>;

beforeAll(async () => {
  troupe = new Troupe(engine.url, here);
  tasks = declare(troupe.app);
  await troupe.hire('w0', ['-c', '1', '-P', 'processes']);
});
afterAll(() => troupe.disband());

it('calls that may run only once all fail when the process dies that runs them', async () => {
  const { paid } = tasks;
  const { trace } = troupe;
  const calls = await Promise.all([0, 1, 2].map((x) => paid.delay('paid', x)));
  for (const end of await Promise.all(calls.map((call) => call.get(soon))))
    expect(end).toMatchObject({ name: 'WorkerLostError' });
  for (const x of [0, 1, 2]) expect(trace.starts(`paid-${x}`)).toHaveLength(1);
});

it('values that together are more than maxPayload are stored, and one that is so alone fails alone', async () => {
  const { wide } = tasks;
  const lengths = [400_000, 1_200_000, 400_001, 400_002];
  const calls = lengths.map((length) => wide.delay(length));
  const ends = await Promise.all(calls.map((call) => call.get(soon)));
  expect(ends[1]).toMatchObject({ message: expect.stringMatching(/more than maxPayload allows/) });
  expect(ends.map((end) => typeof end === 'string' && end.length)).toEqual([
    400_000,
    false,
    400_001,
    400_002,
  ]);
});

it('a call whose arguments are nested as deeply as they may be runs with others', async () => {
  const { wide } = tasks;
  let nested: unknown = [];
  // The arguments are a level themselves.
  for (let level = 2; level < 500; level += 1) nested = [nested];
  const headers = { nested };
  const calls = [wide.delay(1, nested), wide.delay(2), wide.applyAsync([3], { headers })];
  expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(['x', 'xx', 'xxx']);
});

it('where calls run one by one because their process died, those that are revoked hold up no other', async () => {
  const { brittle } = tasks;
  const { trace } = troupe;
  const calls = await Promise.all([0, 1, 2, 3].map((x) => brittle.delay('one', x, 1)));
  await trace.started('one-1');
  expect(await calls[2]?.revoke()).toBe(true);
  expect(await calls[1]?.revoke({ terminate: true })).toBe(true);
  expect(await Promise.all(calls.map((call) => call.get(soon)))).toMatchObject([
    0,
    { name: 'TaskRevokedError' },
    { name: 'TaskRevokedError' },
    3,
  ]);
  expect(trace.starts('one-2')).toHaveLength(0);
});

it('a call that is revoked while no process is free for it and the others does not run', async () => {
  const { gathered } = tasks;
  const { trace } = troupe;
  trace.open('hold-loads');
  expect(await gathered.delay('deadly', 1, 1).get(soon)).toMatchObject({ name: 'WorkerLostError' });
  // The process in its place waits.
  const calls = await Promise.all([0, 1, 2, 3].map((x) => gathered.delay('late', x)));
  await until('all have been taken', async () => {
    const states = await Promise.all(calls.map((call) => call.state()));
    return states.every((state) => state === 'STARTED');
  });
  expect(await calls[2]?.revoke()).toBe(true);
  expect(await calls[2]?.get(soon)).toMatchObject({ name: 'TaskRevokedError' });
  trace.open('loads');
  const others = calls.filter((_call, at) => at !== 2);
  expect(await Promise.all(others.map((call) => call.get(soon)))).toMatchObject([
    { sum: 0, size: 3 },
    { sum: 2, size: 3 },
    { sum: 6, size: 3 },
  ]);
  expect(trace.starts('late-2')).toHaveLength(0);
});
