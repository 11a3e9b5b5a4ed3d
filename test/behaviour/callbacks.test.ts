/** In whose AsyncLocalStorage each callback of the user's runs: of who gave it, or of the call or run that it belongs to. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type App, currentTask, group, schedule } from 'dtask';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stage } from './own-stage.js';
import { until } from '../support/until.js';

const soon = { timeout: '10s' } as const;
const request = new AsyncLocalStorage<string>();
const here = (): string => request.getStore() ?? 'nobody';

/** Where each callback has run, by what it is. */
const seen = new Map<string, Set<string>>();
const note = (what: string, where = here()): void => {
  seen.set(what, (seen.get(what) ?? new Set()).add(where));
};
const contextsOf = (what: string): string[] => [...(seen.get(what) ?? [])];

const callHooks = ['beforePublish', 'afterPublish'] as const;
const runHooks = ['taskPrerun', 'taskSuccess', 'taskFailure', 'taskPostrun'] as const;
const otherHooks = [
  'workerInit',
  'workerReady',
  'taskReceived',
  'taskRevoked',
  'taskUnknown',
] as const;

let app: App;
let worker: App;

beforeAll(async () => {
  app = stage.app();
  worker = stage.app({ prefix: app.config.prefix });
  request.run('registrant', () => {
    for (const name of callHooks) app.on(name, () => note(name));
    for (const name of runHooks)
      worker.on(name, ({ context }) => note(name, `${here()}, task ${context === currentTask()}`));
    for (const name of otherHooks) worker.on(name, () => note(name));
    app.use({ publish: (_call, next) => (note('publish'), next()) });
    worker.use({ run: (_context, next) => request.run('middleware', next) });
    worker.controlCommand('whose', () => here());
    worker.task('steps', steps);
    worker.task('square', (x: number) => x * x);
    worker.task('fails', () => Promise.reject(new Error('as meant')));
    worker.task('limited', (x: number) => x, {
      rateLimit: '1000/s',
      rateLimitKey: () => (note('rateLimitKey'), 'key'),
      maxConcurrency: 5,
      concurrencyKey: () => (note('concurrencyKey'), 'key'),
    });
    worker.task('soft', soft, { softTimeLimit: 50 });
  });
  await request.run('starter', () => stage.worker(worker, { events: true }));
  // The connections are made for this one, and others must not see it.
  await request.run('first', () => app.sendTask('square', [2]).get(soon));
});
afterAll(() => Promise.all([app.close(), worker.close()]));

async function steps(count: number): Promise<number> {
  note('task');
  for (let step = 0; step < count; step += 1) await currentTask().progress(step);
  return count;
}

async function soft(): Promise<void> {
  await request.run('inside', async () => {
    const { signal } = currentTask();
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        note('signal', `${here()}, task ${currentTask().name}`);
        resolve();
      });
    });
  });
}

/** Does something in two requests at once. */
const inRequests = (work: (name: string) => Promise<unknown>): Promise<unknown> =>
  Promise.all(['one', 'two'].map((name) => request.run(name, () => work(name))));

describe('a callback that is given to a wait or a map', () => {
  test('is that of its request: onProgress of get(), of a group, of a wait by id', async () => {
    await inRequests(async (name) => {
      const onProgress = (): void => note(`onProgress ${name}`);
      const sent = await app.sendTask('steps', [3]);
      await sent.get({ ...soon, onProgress });
      await app.result(sent.id).get({ ...soon, onProgress });
      const all = group([1, 2].map((count) => app.signature('steps', [count])));
      await all.delay().get({ ...soon, onProgress });
      expect(here()).toBe(name);
    });
    expect(contextsOf('onProgress one')).toEqual(['one']);
    expect(contextsOf('onProgress two')).toEqual(['two']);
  });

  test('is that of its request: onProgress, source and reduce of a map', async () => {
    const square = app.task('square', (x: number) => x * x);
    await inRequests(async (name) => {
      async function* numbers(): AsyncGenerator<number> {
        for (let at = 0; at < 20; at += 1) {
          note(`source ${name}`);
          yield at;
          await Promise.resolve();
          note(`source ${name}`);
        }
      }
      const onProgress = (): void => note(`map ${name}`);
      const options = { onProgress, chunkSize: 3 };
      for await (const value of square.map(numbers(), options)) note(`loop ${name} ${value < 0}`);
      const reduce = (total: number, value: number): number => {
        note(`reduce ${name}`);
        return total + value;
      };
      await app.mapReduce(numbers(), { map: square, reduce, ...options });
    });
    for (const name of ['one', 'two'])
      for (const what of ['source', 'map', 'reduce'])
        expect([what, ...contextsOf(`${what} ${name}`)]).toEqual([what, name]);
  });

  test('and the loops over progress, results and events go on in their request', async () => {
    await inRequests(async (name) => {
      for await (const _event of app.events({ since: new Date(0) })) {
        note(`event ${name}`);
        break;
      }
      const sent = await app.sendTask('steps', [3]);
      for await (const _step of sent.progress()) note(`progress ${name}`);
      const all = await group([1, 2].map((count) => app.signature('steps', [count]))).delay();
      for await (const _result of all) note(`result ${name}`);
    });
    for (const name of ['one', 'two'])
      for (const what of ['event', 'progress', 'result'])
        expect([what, ...contextsOf(`${what} ${name}`)]).toEqual([what, name]);
  });
});

describe('a callback that is registered', () => {
  test('for worker and messages is that of who registered it', async () => {
    await request.run('caller', async () => {
      await app
        .sendTask('nowhere')
        .get(soon)
        .catch(() => undefined);
      const late = await app.sendTask('square', [1], { expires: 1, countdown: 5 });
      await late.get(soon).catch(() => undefined);
      await app.sendTask('limited', [1]).get(soon);
    });
    for (const name of otherHooks) {
      await until(`${name} was heard`, () => contextsOf(name).length > 0);
      expect([name, ...contextsOf(name)]).toEqual([name, 'registrant']);
    }
    for (const key of ['rateLimitKey', 'concurrencyKey'])
      expect([key, ...contextsOf(key)]).toEqual([key, 'registrant']);
  });

  test('as a control command is that of who registered it', async () => {
    const answers = await request.run('caller', () => app.control.broadcast('whose', {}));
    expect(Object.values(answers)).toEqual([{ ok: 'registrant' }]);
  });

  test('as a schedule is that of who made it', () => {
    const made = request.run('maker', () =>
      schedule((after) => (note('schedule'), new Date(after.getTime() + 1))),
    );
    request.run('asker', () => made.next(new Date(0)));
    expect(contextsOf('schedule')).toEqual(['maker']);
  });
});

describe('code that belongs to a call or a run', () => {
  test('is that of the call: middleware and hooks of sending', async () => {
    for (const name of ['publish', ...callHooks]) seen.delete(name);
    await inRequests(() => app.sendTask('square', [3]).get(soon));
    for (const name of ['publish', ...callHooks])
      expect([name, ...contextsOf(name)]).toEqual([name, 'one', 'two']);
  });

  test('is that of the run, with its task: middleware, hooks and the task itself', async () => {
    await request.run('caller', async () => {
      await app.sendTask('steps', [0]).get(soon);
      await app
        .sendTask('fails')
        .get(soon)
        .catch(() => undefined);
    });
    for (const name of runHooks) {
      await until(`${name} was heard`, () => contextsOf(name).length > 0);
      expect([name, ...contextsOf(name)]).toEqual([name, 'nobody, task true']);
    }
    expect(contextsOf('task')).toEqual(['middleware']);
  });

  test("is that of the run where it listens to the run's signal, with what the task has set", async () => {
    await request.run('caller', () => app.sendTask('soft').get(soon));
    expect(contextsOf('signal')).toEqual(['inside, task soft']);
  });
});
