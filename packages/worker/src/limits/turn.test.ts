/** When calls of a task with a rate may start. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { early, nextTurn, slack, type Times } from './turn.js';

/** Calls, each with the time when it comes, and by how much it is late each time that it comes back. */
const calls = fc.array(
  fc.record({
    at: fc.nat(3_000),
    delays: fc.array(fc.oneof(fc.constant(0), fc.nat(30), fc.nat(2_000)), { minLength: 1 }),
  }),
  { minLength: 1, maxLength: 40 },
);

const intervals = fc.integer({ min: 1, max: 1_000 });

it('keeps the rate of starts, however late calls come to their turns, and all start', () => {
  fc.assert(
    fc.property(calls, intervals, (coming, interval) => {
      const starts = startsOf(coming, interval);
      for (const [one, first] of starts.entries())
        for (const [more, later] of starts.slice(one + 1).entries())
          expect(later - first).toBeGreaterThanOrEqual((more + 1) * interval - slack - early);
    }),
  );
});

/** Lets all of them come, in the order of their times, until each has started; gives when they did. */
function startsOf(coming: readonly { at: number; delays: number[] }[], interval: number): number[] {
  const times: Times = { free: 0, open: 0, late: 0 };
  const line = coming.map(({ at, delays }) => ({ at: at + 10_000, delays, turns: 0 }));
  const starts: number[] = [];
  for (let asked = 0; line.length > 0; asked += 1) {
    expect(asked).toBeLessThan(coming.length * 100);
    const [call, ...others] = line.toSorted((one, two) => one.at - two.at);
    if (!call) break;
    const wait = nextTurn(times, call.at, interval, call.turns > 0);
    if (wait === 0) {
      starts.push(call.at);
      line.splice(0, line.length, ...others);
    } else {
      // When its delays are over it comes in time.
      call.at += wait + (call.delays[call.turns] ?? 0);
      call.turns += 1;
    }
  }
  return starts;
}
