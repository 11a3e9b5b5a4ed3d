/** In a decorated method `this` is the object itself, as in a plain call: in both dialects, in every pool. */
/* oxlint-disable typescript/unbound-method -- that they may be read is what is tested */
import { testEngine, testWorker } from 'dtask/testing';
import type { Embedded } from 'dtask/embedded';
import type { Worker } from 'dtask/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, dialects, load, moduleOf, removeCompiled } from './project.js';

const soon = { timeout: '20s' } as const;

let engine: Embedded;

beforeAll(async () => {
  engine = await testEngine();
  process.env['DTASK_BROKER_URL'] = engine.url;
});
afterAll(async () => {
  await engine.stop();
  removeCompiled();
});

/** What a plain call sees; `name` and `pinged` ask for a task that runs. */
const facts = {
  self: true,
  class: true,
  weak: 'sesame',
  http: 'function',
  baseURL: 'http://shop.example',
  url: 'http://shop.example/a?b=1',
  sql: 'function',
  sqlOptions: 'none',
  off: [1, 0],
  same: true,
  total: 8,
  own: 'shop-1',
  price: ['1 EUR', '2 EUR'],
  context: false,
  name: 'shop.facts',
  pinged: 'pong',
  task: true,
};
const secrets = { till: 7, secret: '7', colour: '#fff', has: true };
const hash = { white: true, self: true, http: 'function' };
const statics = { self: true, made: 1, currency: 'EUR', name: 'Shop' };
const frozenFacts = { frozen: true, self: true, parts: ['a'], get: 'function' };

describe.each(dialects)('with %s decorators', (dialect) => {
  let complaints: string;
  let module: Awaited<ReturnType<typeof load>>;

  beforeAll(async () => {
    complaints = compile(dialect);
    module = await load(dialect);
    module.app.register(module.shop, module.frozen);
  });
  afterAll(() => module.app.close());

  test('the methods compile without a complaint', () => {
    expect(complaints).toBe('');
  });

  test('a plain call is a plain call', () => {
    const { shop, frozen, Shop } = module;
    expect(shop.secrets()).toEqual(secrets);
    expect(shop.hash('#fff')).toEqual(hash);
    expect(Shop.statics()).toEqual(statics);
    expect(frozen.facts()).toEqual(frozenFacts);
  });

  test('apply() runs a method on its object', async () => {
    const { shop, frozen, Shop } = module;
    const run = (task: unknown, args: readonly unknown[] = []): Promise<unknown> =>
      (task as { apply(args: readonly unknown[]): { get(): Promise<unknown> } }).apply(args).get();
    expect(await run(shop.facts)).toEqual(facts);
    expect(await run(shop.secrets)).toEqual(secrets);
    expect(await run(shop.hash, ['#fff'])).toEqual(hash);
    expect(await run(Shop.statics)).toEqual(statics);
    expect(await run(frozen.facts)).toEqual(frozenFacts);
  });

  describe.each(['inline', 'threads', 'processes'] as const)(
    'a worker with the pool %s',
    (pool) => {
      let worker: Worker;

      beforeAll(async () => {
        const file = moduleOf(dialect);
        worker = await testWorker(module.app, { pool, concurrency: 2, module: { file } });
      });
      afterAll(() => worker.stop());

      test('runs methods on their objects', async () => {
        const { shop, frozen, Shop } = module;
        expect(await shop.facts.delay().get(soon)).toEqual(facts);
        expect(await shop.secrets.delay().get(soon)).toEqual(secrets);
        expect(await shop.hash.delay('#fff').get(soon)).toEqual(hash);
        expect(await Shop.statics.delay().get(soon)).toEqual(statics);
        expect(await frozen.facts.delay().get(soon)).toEqual(frozenFacts);
      });
    },
  );
});
