/** Errors of tasks mean the same in every pool: what they are called in the log, and what they are when a signal made them. */
import { afterEach, describe, expect, it } from 'vitest';
import { rejection } from '../support/until.js';
import { startWorker, type LogLine } from '../support/worker-process.js';
import { crew } from './crew.js';

const pools = ['inline', 'threads', 'processes'] as const;
const soon = { timeout: '30s' } as const;

afterEach(() => crew.dismiss());

describe.each(pools)('an error in a pool of kind %s', { timeout: 60_000 }, (pool) => {
  it('has the name of its class in the log', async () => {
    const { kinds } = crew.tasks;
    const env = { DTASK_BROKER_URL: crew.engine.url, TRACE_DIR: crew.trace.dir };
    const worker = await startWorker({ env, app: 'pools/app.ts', flags: ['-P', pool, '-c', '2'] });
    const typeOf = ({ err }: LogLine): unknown => (err as { type: unknown }).type;
    const logged: Record<string, unknown> = {};
    for (const kind of kinds) {
      const failed = await crew.app.sendTask('throws', [kind]);
      await failed.get({ ...soon, propagate: false });
      const retried = await crew.app.sendTask('throws.again', [kind]);
      await retried.get(soon);
      const lineOf = (id: string): Promise<LogLine> =>
        worker.logged(/^failed/).then(async () => {
          const found = (): LogLine | undefined =>
            worker.log.find((line) => line.id === id && 'err' in line);
          await expect.poll(found, { timeout: 5_000 }).toBeDefined();
          return found() as LogLine;
        });
      const line = await lineOf(failed.id);
      expect(typeOf(await lineOf(retried.id))).toBe(typeOf(line));
      logged[kind] = typeOf(line);
      if (kind !== 'several') continue;
      const { aggregateErrors } = line['err'] as { aggregateErrors: { type: string }[] };
      expect(aggregateErrors.map(({ type }) => type)).toEqual(['PaymentRefused', 'TypeError']);
    }
    expect(logged).toEqual({
      plain: 'Error',
      builtin: 'RangeError',
      class: 'PaymentRefused',
      'class with a name': 'CardExpired',
      wrapped: 'PaymentRefused',
      several: 'AggregateError',
      'of dtask': 'SoftTimeLimitExceededError',
      'no error': 'string',
    });
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
  });

  it('that its signal made is what the signal fired with: its soft time limit', async () => {
    await crew.worker({ pool, concurrency: 4 });
    const { ways, waitsBy } = crew.tasks;
    const ends = await Promise.all(
      ways.map(async (way) => {
        const options = { softTimeLimit: 200, timeLimit: '20s' } as const;
        return rejection(waitsBy.applyAsync([`soft ${pool}`, way], options).get(soon));
      }),
    );
    expect(Object.fromEntries(ways.map((way, at) => [way, ends[at]?.name]))).toEqual(
      Object.fromEntries(ways.map((way) => [way, 'SoftTimeLimitExceededError'])),
    );
  });

  it('that its signal made is what the signal fired with: a revocation', async () => {
    await crew.worker({ pool, concurrency: 4 });
    const { ways, waitsBy } = crew.tasks;
    const ends = await Promise.all(
      ways.map(async (way) => {
        const mark = `revoked ${pool} ${way.replaceAll('/', ' ')}`;
        const call = await waitsBy.delay(mark, way);
        await crew.trace.started(mark);
        await call.revoke();
        await rejection(call.get(soon));
        return call.state();
      }),
    );
    expect(Object.fromEntries(ways.map((way, at) => [way, ends[at]]))).toEqual(
      Object.fromEntries(ways.map((way) => [way, 'REVOKED'])),
    );
  });

  it('of a class of its own stays what it is, as does one of another signal', async () => {
    await crew.worker({ pool, concurrency: 2 });
    const { waitsByOther, waitsByOwn } = crew.tasks;
    const options = { softTimeLimit: 100, timeLimit: '20s' } as const;
    const own = await rejection(waitsByOwn.applyAsync([], options).get(soon));
    expect(own.cause).toMatchObject({ name: 'PaymentRefused', message: 'cut short' });
    const other = await rejection(waitsByOther.applyAsync([], options).get(soon));
    expect(other.cause).toMatchObject({ name: 'AbortError' });
  });
});
