/** The stack of what a wait throws: the line that waits, and behind a mark the worker's. */
import { chain, chord, currentTask, group, task } from 'dtask';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { Gate } from './gate.js';
import { app } from './served-app.js';

const soon = { timeout: '10s' } as const;
const boom = task('line.boom', async function boom(_x?: unknown) {
  await currentTask().updateState('HALFWAY');
  throw new RangeError('too far');
});
const one = task('line.one', (x: number) => x);
const all = task('line.all', (list: unknown) => list);

beforeAll(() => app.register(boom, one, all));

/** The lines of the stack up to the mark, and those behind it. */
async function stackOf(wait: () => Promise<unknown>): Promise<{ here: string[]; there: string }> {
  const error = await caught(wait);
  const [here = '', there = ''] = String(error.stack).split(/^ {4}--- in the worker.*$/m);
  return { here: here.split('\n').filter((line) => line.startsWith('    at ')), there };
}

async function caught(wait: () => Promise<unknown>): Promise<Error> {
  try {
    await wait();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

const ways: Record<string, () => Promise<unknown>> = {
  'get() of a call that is not awaited': async function line() {
    await boom.delay().get(soon);
  },
  'get() of a result': async function line() {
    const result = await boom.delay();
    await result.get(soon);
  },
  'a second get()': async function line() {
    const result = await boom.delay();
    await caught(() => result.get(soon));
    await result.get(soon);
  },
  'a second get() of what delay() gave': async function line() {
    const sent = boom.delay();
    await caught(() => sent.get(soon));
    await sent.get(soon);
  },
  'get() by an id': async function line() {
    await app.result((await boom.delay()).id).get(soon);
  },
  'get() of a unique call': async function line() {
    await boom.applyAsync([], { unique: true }).get(soon);
  },
  'get() of a group': async function line() {
    await group(one.s(1), boom.s()).delay().get(soon);
  },
  'join() of a group': async function line() {
    const results = await group(one.s(1), boom.s()).delay();
    await results.join(soon);
  },
  'a second join() of a group': async function line() {
    const results = await group(one.s(1), boom.s()).delay();
    await caught(() => results.join(soon));
    await results.join(soon);
  },
  'get() of a chain': async function line() {
    await chain(one.s(1), boom.s(), one.s()).delay().get(soon);
  },
  'get() of a chord': async function line() {
    await chord([one.s(1), boom.s()], all.s())
      .delay()
      .get(soon);
  },
  'an iteration over a group': async function line() {
    for await (const result of await group(boom.s()).delay()) await result.get(soon);
  },
  'collect()': async function line() {
    for await (const _pair of (await boom.delay()).collect(soon));
  },
  'Promise.all': async function line() {
    await Promise.all([one.delay(1).get(soon), boom.delay().get(soon)]);
  },
  'then() and finally()': async function line() {
    await boom
      .delay()
      .get(soon)
      .then((value) => value)
      .finally(() => undefined);
  },
  'a map in one message': async function line() {
    await boom.map([1]).delay().get(soon);
  },
  'a streamed map': async function line() {
    for await (const _value of boom.map([1]));
  },
  mapReduce: async function line() {
    await app.mapReduce([1], { map: boom, reduce: (total) => total });
  },
  'apply()': async function line() {
    await boom.apply([]).get();
  },
  'a second get() of apply()': async function line() {
    const result = boom.apply([]);
    await caught(() => result.get());
    await result.get();
  },
  'apply() of a chain': async function line() {
    await chain(one.s(1), boom.s()).apply().get();
  },
};

test.each(Object.entries(ways))(
  '%s that fails begins with the line that waits',
  async (_, wait) => {
    const { here } = await stackOf(wait);
    const first = here.find((line) => !line.includes('at async Promise.all'));
    expect(first).toMatch(/at (async )?line .*caller-line\.test\.ts:\d+:\d+/);
    expect(here.join('\n')).not.toMatch(/packages\/core/);
  },
);

test('the stack of the worker comes behind a mark', async () => {
  const { there } = await stackOf(() => boom.delay().get(soon));
  expect(there).toMatch(/^\nRangeError: too far\n {4}at .*boom .*caller-line\.test\.ts:\d+/);
});

test('the stack begins with the class and the message', async () => {
  const error = await caught(() => boom.delay().get(soon));
  expect(error.stack).toMatch(/^TaskFailedError: too far\n/);
});

test('an error that stands in the place of a value has the line too', async () => {
  let error: Error | undefined;
  async function line(): Promise<void> {
    error = (await boom.delay().get({ ...soon, propagate: false })) as Error;
  }
  await line();
  expect(error?.stack).toMatch(/^TaskFailedError: too far\n {4}at (?:async )?line /);
});

test('a time that is over, and a call that is revoked, have the line too', async () => {
  const gate = new Gate();
  onTestFinished(() => gate.open());
  const slow = app.task('line.slow', () => gate.passed);
  async function line(): Promise<void> {
    await slow.delay().get({ timeout: 50 });
  }
  expect((await caught(line)).stack).toMatch(/^ResultTimeoutError: .*\n {4}at (?:async )?line /);
  async function groupLine(): Promise<void> {
    await group(slow.s()).delay().get({ timeout: 50 });
  }
  expect((await caught(groupLine)).stack).toMatch(
    /^ResultTimeoutError: .*\n {4}at (?:async )?groupLine /,
  );
  async function revokedLine(): Promise<void> {
    const waits = await slow.applyAsync([], { countdown: '1h' });
    await waits.revoke();
    await waits.get(soon);
  }
  expect((await caught(revokedLine)).stack).toMatch(
    /^TaskRevokedError: .*\n {4}at (?:async )?revokedLine /,
  );
});

test('the error that a signal was aborted with stays as it is', async () => {
  const reason = new Error('the user left');
  const { stack } = reason;
  const waiting = app
    .sendTask('line.none', [], { queue: 'idle' })
    .get({ signal: AbortSignal.abort(reason) });
  expect(await caught(() => waiting)).toBe(reason);
  expect(reason.stack).toBe(stack);
});
