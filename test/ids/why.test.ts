/** Why there is no result: what a wait that took too long says, and a task that is to be retried. */
import { chain, chord, currentTask, group, ResultTimeoutError } from 'dtask';
import { expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { fixtures, runDtask } from '../support/dtask-process.js';
import { Engine } from '../support/engine.js';
import { rejection } from '../support/until.js';
import { unseenApp } from '../support/unseen-app.js';

const soon = { timeout: '15s' } as const;
const brief = { timeout: 50 } as const;

/** What a wait says that took too long. */
async function said(waiting: Promise<unknown>): Promise<string> {
  const error = await rejection(waiting);
  expect(error).toBeInstanceOf(ResultTimeoutError);
  return error.message;
}

test('a wait that took too long says where the task is, and who could run it', async () => {
  const app = stage.app();
  const other = stage.app({ prefix: app.config.prefix });
  const gate = new Gate();
  const held = app.task('held', () => gate.passed);
  const lonely = await held.applyAsync([], { queue: 'lonely' });
  const nobody = 'is PENDING in queue lonely; no live worker takes from that queue';
  for (const handle of [lonely, other.result(lonely.id)]) {
    expect(await said(handle.get(brief))).toBe(
      `task held[${lonely.id}] gave no result within 50ms: it ${nobody}; get() may be called again`,
    );
  }
  const worker = await stage.worker(app, { queues: ['default', 'busy'], concurrency: 1 });
  const running = await held.delay();
  await eventually(() => running.state()).toBe('STARTED');
  const taken = `worker ${worker.name} takes from that queue and has the task`;
  await eventually(() => said(running.get(brief))).toContain(
    `it is STARTED in queue default; ${taken}`,
  );
  const strange = await other.sendTask('strange', [], { queue: 'busy' });
  await eventually(() => said(strange.get(brief))).toContain(
    'it is PENDING in queue busy; 1 live worker takes from that queue, and none has the task',
  );
  expect(await said(other.result('never-sent').get(brief))).toBe(
    'task never-sent gave no result within 50ms: nothing is known of it: no call was sent under this id, or its result has expired or was forgotten, or it had ignoreResult and has ended; get() may be called again',
  );
  gate.open();
});

test('of a canvas it says that the step waits, and of a group which part is open', async () => {
  const app = stage.app();
  const add = app.task('add', (x: number, y: number) => x + y);
  const line = await chain(add.s(1, 1), add.s(1).set({ queue: 'later' })).delay();
  expect(await said(line.get(brief))).toBe(
    `task add[${line.id}] gave no result within 50ms: it is WAITING for what comes before it in its canvas, and goes to queue later then; get() may be called again`,
  );
  const parts = await group(add.s(1, 1), add.s(2, 2)).delay();
  const [first] = parts.results;
  expect(await said(parts.get(brief))).toBe(
    `group ${parts.id} was not complete within 50ms: 2 parts are open, the first of which is task add[${first?.id}]: it is PENDING in queue default; no live worker takes from that queue; get() may be called again`,
  );
});

test('a wait that took too long ends soon after, also while Redis does not answer', async () => {
  await using engine = await Engine.start();
  // What is asked of Redis would be waited for beyond the time of this test.
  const app = unseenApp({ broker: engine.url, sendTimeout: '1h' });
  const result = await app.sendTask('held', []);
  expect(await said(result.get(brief))).toContain('no live worker');
  const thaw = engine.freeze();
  try {
    expect(await said(result.get(brief))).toContain('what became of it is not known');
  } finally {
    thaw();
  }
});

test('while a task waits for its next run, anybody is told why, how often and until when', async () => {
  const app = stage.app();
  const other = stage.app({ prefix: app.config.prefix });
  const shaky = app.task(
    'shaky',
    () => {
      if (currentTask().retries > 0) return 'at last';
      throw new TypeError('not yet');
    },
    { maxRetries: 3, retryDelay: '1h' },
  );
  await stage.worker(app);
  const before = Date.now();
  const result = await shaky.delay();
  await eventually(() => other.result(result.id).state()).toBe('RETRY');
  for (const handle of [result, other.result(result.id)]) {
    const expected = {
      name: 'TaskFailedError',
      taskName: 'shaky',
      errorName: 'TypeError',
      message: 'not yet',
      retries: 1,
      cause: { name: 'TypeError', message: 'not yet' },
    };
    expect(await handle.info()).toMatchObject(expected);
    const error = (await handle.result()) as Error & { retryAt: Date; remoteStack: string };
    expect(error).toMatchObject(expected);
    expect(error.remoteStack).toContain('why.test.ts');
    expect(error.retryAt.getTime() - before).toBeGreaterThan(3_500_000);
    expect(error.retryAt.getTime() - before).toBeLessThan(3_700_000);
    expect(await handle.ready()).toBe(false);
  }
  const message = await said(result.get(brief));
  expect(message).toContain(
    'it is in RETRY in queue default (retry 1 after TypeError: not yet, due at ',
  );
  const shown = await runDtask(['result', result.id, '-A', 'faults/app.ts'], {
    cwd: fixtures,
    env: { DTASK_BROKER_URL: stage.engine.url, DTASK_PREFIX: app.config.prefix },
  });
  expect(shown.stdout).toMatch(/^RETRY\nretry 1, due at \d{4}-/);
  expect(shown.stdout).toContain('TypeError: not yet');
  const json = await runDtask(['result', result.id, '--json', '-A', 'faults/app.ts'], {
    cwd: fixtures,
    env: { DTASK_BROKER_URL: stage.engine.url, DTASK_PREFIX: app.config.prefix },
  });
  expect(JSON.parse(json.stdout)).toMatchObject({
    state: 'RETRY',
    result: { message: 'not yet' },
    retries: 1,
    retryAt: expect.stringMatching(/^\d{4}-/),
  });
});

test('a call that was packed with others says as well why it is retried', async () => {
  const app = stage.app();
  const packed = app.task('packed', () => Promise.reject(new RangeError('not yet')), {
    batch: true,
    maxRetries: 1,
    retryDelay: '1h',
  });
  await stage.worker(app);
  const results = await Promise.all([packed.delay(), packed.delay(), packed.delay()]);
  for (const result of results) {
    await eventually(() => result.state()).toBe('RETRY');
    expect(await result.info()).toMatchObject({ errorName: 'RangeError', retries: 1 });
  }
});

test('a task knows its group, its limits, and the task that it comes behind', async () => {
  const app = stage.app();
  const facts = app.task('facts', (..._given: unknown[]) => {
    const { id, parentId, group: own, timeLimit, softTimeLimit } = currentTask();
    return { id, parentId, group: own, timeLimit, softTimeLimit };
  });
  const own = app.task('own', () => currentTask().softTimeLimit, { softTimeLimit: '2s' });
  await stage.worker(app, { timeLimit: '20s' });
  const none = {
    parentId: undefined,
    group: undefined,
    timeLimit: 20_000,
    softTimeLimit: undefined,
  };
  const lone = await facts.applyAsync([], { softTimeLimit: '5s' });
  expect(await lone.get(soon)).toEqual({ ...none, id: lone.id, softTimeLimit: 5_000 });
  expect(await own.delay().get(soon)).toBe(2_000);
  const parts = await group(facts.s(), facts.s()).delay();
  for (const part of await parts.get(soon)) expect(part).toMatchObject({ group: parts.id });
  const joined = await chord([facts.s(), facts.s()], facts.s()).delay();
  const body = await joined.get(soon);
  const ids = (joined.parent as typeof parts).results.map(({ id }) => id);
  expect(ids).toContain(body.parentId);
  expect(body.group).toBeUndefined();
});
