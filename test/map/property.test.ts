/** Whatever items do and however they are sent, a map gives what a loop would. */
import { currentTask, Retry } from 'dtask';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { gather, rangeLater } from './numbers.js';

/** What an item does, and what it gives or throws in the end. */
type Deed = {
  readonly does: 'gives' | 'waits' | 'stumbles' | 'changes' | 'fails';
  readonly x: number;
};

const deed: fc.Arbitrary<Deed> = fc.record({
  does: fc.constantFrom('gives', 'gives', 'gives', 'waits', 'stumbles', 'changes', 'fails'),
  x: fc.integer({ min: -5, max: 5_000_000 }),
});

const options = fc.record(
  {
    ordered: fc.boolean(),
    concurrency: fc.integer({ min: 1, max: 9 }),
    chunkSize: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant('auto' as const)),
    chunkTime: fc.constantFrom(1, 50),
    chunkBytes: fc.constantFrom(1, 100, 10_000),
  },
  { requiredKeys: [] },
);

it(
  'items that give, wait, stumble and fail, in chunks of all sizes',
  { timeout: 60_000 },
  async () => {
    const app = stage.app();
    const act = app.task(
      'act',
      ({ does, x }: Deed): unknown => {
        const { retries } = currentTask();
        if (does === 'fails') throw new RangeError(`no ${x}`);
        if (does === 'stumbles' && retries === 0) throw new Error('stumbled');
        if (does === 'changes' && retries === 0)
          throw new Retry({ args: [{ does: 'gives', x: x + 1 }], countdown: 0 });
        return does === 'waits' ? Promise.resolve({ x }) : x;
      },
      { maxRetries: 1, retryDelay: 1, dontRetryFor: RangeError },
    );
    const expected = ({ does, x }: Deed, index: number): unknown => {
      if (does === 'fails') return { ok: false, index, error: `no ${x}` };
      const value = does === 'waits' ? { x } : does === 'changes' ? x + 1 : x;
      return { ok: true, index, value };
    };
    await stage.worker(app);
    await stage.worker(app);
    await fc.assert(
      fc.asyncProperty(
        fc.array(deed, { maxLength: 60 }),
        options,
        fc.boolean(),
        async (deeds, how, later) => {
          const source = later
            ? (async function* () {
                for await (const at of rangeLater(deeds.length)) yield deeds[at] as Deed;
              })()
            : deeds;
          const results = await gather(act.map(source, { ...how, onItemError: 'collect' }));
          const found = results.map((one) => (one.ok ? one : { ...one, error: one.error.message }));
          if (how.ordered === false) found.sort((a, b) => a.index - b.index);
          expect(found).toEqual(deeds.map(expected));
        },
      ),
      { numRuns: 60 },
    );
  },
);
