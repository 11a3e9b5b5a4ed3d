/** Calls whose connection breaks: each runs once, or says that nobody knows whether it was taken. */
import { App, BrokerError, chain, type Duration, group } from 'dtask';
import { testWorker } from 'dtask/testing';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { engine } from '../support/own-engine.js';
import { type Proxy, startProxy } from '../support/proxy.js';
import { setStage, type Stage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';

/** A caller behind a proxy, and a worker that reaches Redis without it. */
interface Scene {
  readonly stage: Stage;
  readonly proxy: Proxy;
  readonly app: App;
  /** The tasks as the caller has them, by how they are declared. */
  readonly tasks: ReturnType<typeof declare>;
  /** How often a word was run. */
  readonly runs: (word: string) => number;
  /** The waiting, delayed and running tasks of the queue. */
  readonly left: () => Promise<number>;
}

interface Conditions {
  readonly sendTimeout?: Duration;
  readonly broadcast?: string[];
}

function declare(app: App, run: (word: string) => string) {
  return {
    plain: app.task('plain', run),
    mostOnce: app.task('mostOnce', run, { delivery: 'at-most-once' }),
    quiet: app.task('quiet', run, { ignoreResult: true }),
    quietOnce: app.task('quietOnce', run, { ignoreResult: true, delivery: 'at-most-once' }),
    packed: app.task('packed', run, { batch: true }),
  };
}

async function scene({ sendTimeout = '10s', broadcast = [] }: Conditions = {}): Promise<Scene> {
  const stage = setStage(engine.url, { broadcast });
  const proxy = await startProxy(engine.port);
  const { prefix } = stage;
  const counts = new Map<string, number>();
  declare(stage.app, (word) => {
    counts.set(word, (counts.get(word) ?? 0) + 1);
    return word;
  });
  const worker = await testWorker(stage.app, { queues: ['default', ...broadcast] });
  onTestFinished(() => worker.stop());
  const app = new App('caller', { broker: proxy.url, prefix, sendTimeout, broadcast });
  onTestFinished(() => app.close());
  return {
    stage,
    proxy,
    app,
    tasks: declare(app, (word) => word),
    runs: (word) => counts.get(word) ?? 0,
    left: async () => {
      const { waiting, delayed, active } = await stage.app.queues.counts('default');
      return waiting + delayed + active;
    },
  };
}

/** Has the server's answers vanish while calls are sent and run, then cuts the connection. */
async function cutBehind(
  { proxy, runs, left }: Scene,
  word: string,
  send: () => PromiseLike<unknown>,
): Promise<PromiseSettledResult<unknown>> {
  proxy.become('mute');
  const fate = Promise.allSettled([send()]);
  await until(`${word} has run`, () => runs(word) > 0);
  await until('its job is gone', async () => (await left()) === 0);
  proxy.become('pass');
  proxy.cut();
  const [sent] = await fate;
  await until('nothing is left to run', async () => (await left()) === 0);
  return sent as PromiseSettledResult<unknown>;
}

describe('a call that has run when its connection breaks ahead of the answer', () => {
  const kinds: Record<string, (scene: Scene, word: string) => PromiseLike<unknown>> = {
    'of a plain task': ({ tasks }, word) => tasks.plain.delay(word),
    'that may run only once': ({ tasks }, word) => tasks.mostOnce.delay(word),
    'with a priority': ({ tasks }, word) => tasks.plain.applyAsync([word], { priority: 3 }),
    'with a countdown': ({ tasks }, word) => tasks.plain.applyAsync([word], { countdown: 50 }),
    'that is unique': ({ tasks }, word) => tasks.plain.applyAsync([word], { unique: true }),
    'under an id of its own': ({ tasks }, word) =>
      tasks.plain.applyAsync([word], { id: `my-${word}` }),
    'by name': ({ app }, word) => app.sendTask('plain', [word]),
    'that keeps no result': ({ tasks }, word) => tasks.quiet.delay(word),
    'that keeps no result and may run only once': ({ tasks }, word) => tasks.quietOnce.delay(word),
    'by name, that keeps no result': ({ app }, word) =>
      app.sendTask('quietOnce', [word], { ignoreResult: true }),
    'of a result that is soon forgotten': ({ tasks }, word) =>
      tasks.mostOnce.applyAsync([word], { resultExpires: 1 }),
    'in a pack': ({ tasks }, word) =>
      Promise.all([tasks.packed.delay(word), tasks.packed.delay('beside')]),
    'as the first step of a chain': ({ tasks }, word) =>
      chain(tasks.plain.s(word), tasks.plain.s()).delay(),
    'as a part of a group': ({ tasks }, word) =>
      group([tasks.plain.s(word), tasks.plain.s('part')]).delay(),
  };
  test.each(Object.entries(kinds))('%s is not run again', async (_kind, send) => {
    const the = await scene();
    await the.tasks.plain.delay('before').get({ timeout: '10s' });
    const sent = await cutBehind(the, 'word', () => send(the, 'word'));
    expect(sent.status).toBe('fulfilled');
    // The last step of the chain runs the same word.
    expect(the.runs('word')).toBe(_kind.includes('chain') ? 2 : 1);
    expect(the.runs('part')).toBeLessThanOrEqual(1);
  });

  it('is not run again in a broadcast', async () => {
    const the = await scene({ broadcast: ['all'] });
    const broadcast = (word: string) => the.tasks.plain.applyAsync([word], { queue: 'all' });
    await broadcast('before');
    // It asks first who hears it.
    the.proxy.delay = 200;
    const sent = broadcast('word');
    await until('it has run', () => the.runs('word') > 0);
    the.proxy.cut();
    await sent;
    await broadcast('behind');
    await until('what was sent behind it has run', () => the.runs('behind') > 0);
    expect(the.runs('word')).toBe(1);
  });

  it('is refused as unknown where it may run only once and has left no trace', async () => {
    const the = await scene();
    await the.tasks.quietOnce.delay('before');
    the.proxy.become('mute');
    const call = the.tasks.quietOnce.delay('word');
    const refused = rejection(call.then());
    await until('it has run', () => the.runs('word') > 0);
    // What the queue has told since is all that is kept.
    const others = Array.from({ length: 150 }, (_, at) =>
      the.stage.app.sendTask('plain', [`${at}`]),
    );
    await Promise.all(others.map((one) => one.get({ timeout: '20s' })));
    the.proxy.become('pass');
    the.proxy.cut();
    const error = await refused;
    expect(error).toBeInstanceOf(BrokerError);
    expect(error).toMatchObject({ outcome: 'unknown', ids: [call.id] });
    expect(error.message).toContain(`task quietOnce[${call.id}]`);
    expect(error.message).toContain('may run only once');
    expect(the.runs('word')).toBe(1);
  });

  it('runs where the connection broke ahead of the server', async () => {
    const the = await scene();
    for (const kind of ['plain', 'mostOnce', 'quiet', 'quietOnce', 'packed'] as const) {
      await the.tasks[kind].delay('before');
      the.proxy.become('blackhole');
      const call = the.tasks[kind].delay(kind);
      const other = the.tasks[kind].delay(`${kind} too`);
      // Written into nothing.
      await new Promise((resolve) => setImmediate(resolve));
      the.proxy.become('pass');
      the.proxy.cut();
      await Promise.all([call, other]);
      await until(`${kind} has run`, () => the.runs(kind) + the.runs(`${kind} too`) === 2);
    }
  });
});

describe('a call that is given up', () => {
  it('takes no younger one with it, says that nobody knows, and is not written again', async () => {
    const the = await scene({ sendTimeout: '1500ms' });
    await the.tasks.plain.delay('before');
    the.proxy.become('blackhole');
    const old = the.tasks.plain.delay('old');
    const refused = rejection(old.then());
    const asked = rejection(the.app.queues.purge('default'));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const young = [1, 2, 3].map((n) => the.tasks.plain.delay(`young ${n}`));
    the.proxy.become('pass');
    const error = await refused;
    expect(error).toMatchObject({ name: 'BrokerError', outcome: 'unknown', ids: [old.id] });
    expect(error.message).toContain(`app.result('${old.id}').exists()`);
    expect(await asked).toMatchObject({ outcome: 'unknown', ids: [] });
    const ids = young.map(({ id }) => id);
    const taken = await Promise.all(young);
    expect(taken.map(({ id }) => id)).toEqual(ids);
    expect(await Promise.all(taken.map((one) => one.get({ timeout: '10s' })))).toEqual([
      'young 1',
      'young 2',
      'young 3',
    ]);
    expect(await the.app.result(old.id).exists()).toBe(false);
    expect(the.runs('old')).toBe(0);
  });

  it('was taken all the same where the answer alone was lost, and called again it changes nothing', async () => {
    const the = await scene({ sendTimeout: '500ms' });
    const { plain, packed } = the.tasks;
    await plain.delay('before');
    the.proxy.become('mute');
    const calls = [plain.delay('word'), packed.delay('first'), packed.delay('second')];
    const errors = await Promise.all(calls.map((call) => rejection(call.then())));
    the.proxy.become('pass');
    the.proxy.cut();
    for (const [at, error] of errors.entries()) {
      expect(error).toMatchObject({ outcome: 'unknown' });
      expect((error as BrokerError).ids).toContain(calls[at]?.id);
    }
    const [one, first, second] = calls.map(({ id }) => id) as [string, string, string];
    const exists = (id: string) =>
      the.app
        .result(id)
        .exists()
        .catch(() => false);
    await until('they are there', async () =>
      (await Promise.all([one, first, second].map(exists))).every(Boolean),
    );
    await until('they have run', async () => (await the.left()) === 0);
    expect(await plain.applyAsync(['word'], { id: one }).get({ timeout: '10s' })).toBe('word');
    expect(await packed.applyAsync(['first'], { id: first }).get({ timeout: '10s' })).toBe('first');
    expect(['word', 'first', 'second'].map(the.runs)).toEqual([1, 1, 1]);
  });

  it('without a connection is certainly not sent, and does not run when Redis is back', async () => {
    const the = await scene({ sendTimeout: '700ms' });
    await the.tasks.plain.delay('before');
    await the.proxy.stop();
    const { tasks, app } = the;
    const send: Record<string, () => PromiseLike<unknown>> = {
      delay: () => tasks.plain.delay('lost'),
      countdown: () => tasks.plain.applyAsync(['lost'], { countdown: '1s' }),
      unique: () => tasks.plain.applyAsync(['lost'], { unique: true }),
      pack: () => Promise.all([tasks.packed.delay('lost'), tasks.packed.delay('lost')]),
      chain: () => chain(tasks.plain.s('lost'), tasks.plain.s()).delay(),
      group: () => group([tasks.plain.s('lost'), tasks.plain.s('lost')]).delay(),
      sendTask: () => app.sendTask('plain', ['lost']),
    };
    await until('the caller has noticed', () =>
      app.queues.names().then(
        () => false,
        () => true,
      ),
    );
    const errors = await Promise.all(
      Object.values(send).map((call) => rejection(Promise.resolve(call()))),
    );
    expect(errors.map((error) => (error as BrokerError).outcome)).toEqual(
      Object.keys(send).map(() => 'not-sent'),
    );
    for (const error of errors) expect((error as BrokerError).ids).not.toEqual([]);
    expect(await the.left()).toBe(0);
    expect(the.runs('lost')).toBe(0);
  });

  it('because the App is closed says so, and whether it was sent', async () => {
    const the = await scene();
    await the.tasks.plain.delay('before');
    the.proxy.become('blackhole');
    const written = rejection(the.tasks.plain.delay('written').then());
    await the.app.close();
    expect(await written).toMatchObject({ outcome: 'unknown' });
    expect((await written).message).toContain('the App was closed');
    const late = await rejection(the.tasks.plain.delay('late').then());
    expect(late).toMatchObject({ outcome: 'not-sent' });
  });
});
