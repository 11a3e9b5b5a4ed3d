/** A process that calls dtask tasks. */
// @ts-check
import { chain, chord, group } from 'dtask';
import { paced, staggered, timed } from './pace.mjs';
import { serve } from './role.mjs';
import { add, app, echo, late, latest, packed, stamp } from './dtask-app.mjs';
import { memory } from './memory.mjs';

/**
 * @template T
 * @param {number} count
 * @param {(at: number) => T} make
 */
const many = (count, make) => Array.from({ length: count }, (_, at) => make(at));

/** @param {number} count */
function* pairs(count) {
  for (let at = 0; at < count; at += 1) yield /** @type {[number, number]} */ ([at, 1]);
}

/** Calls before the clock starts, for the compiler's sake. */
const warmUp = 2_000;

/** @type {AsyncIterator<number> | undefined} a map that stands still between two requests */
let stream;
let taken = 0;

serve({
  /** Milliseconds that a map of additions takes. */
  map: async (count, options) => {
    const began = performance.now();
    let at = 0;
    for await (const sum of add.starmap(pairs(count), options)) {
      at += 1;
      if (sum !== at) throw new Error(`value ${at} is ${sum}`);
    }
    if (at !== count) throw new Error(`${at} values of ${count}`);
    return performance.now() - began;
  },
  /** Goes on with a map until a number of tenths is taken; gives the memory then. */
  mapOn: async (count, tenths) => {
    stream ??= add.starmap(pairs(count))[Symbol.asyncIterator]();
    for (; taken < (count / 10) * tenths; taken += 1) await stream.next();
    return memory();
  },
  send: (count, width) => paced(count, width, (x) => echo.delay(x)),
  /** CPU time that sending so many takes, in µs. */
  sendCosts: async (count, width) => {
    await paced(warmUp, width, (x) => echo.delay(x));
    const { cpu } = await paced(count - warmUp, width, (x) => echo.delay(x));
    return (cpu * count) / (count - warmUp);
  },
  get: (count, width) => paced(count, width, (x) => echo.delay(x).get()),
  sendPacked: (count, width) => paced(count, width, (x) => packed.delay(x)),
  getPacked: (count, width) => paced(count, width, (x) => packed.delay(x).get()),
  roundTrips: (count) => timed(count, (x) => echo.delay(x).get()),
  /** How late calls run that are due one after another, in milliseconds. */
  late: (count, apart) =>
    staggered(count, apart, (due, countdown) => late.applyAsync([due], { countdown }).get()),
  /** Waits for a call that nobody executes, and for no other. All that it needs is up when this ends. */
  idle: async () => {
    await echo.delay(0).get();
    const unheard = await echo.applyAsync([0], { queue: 'idle' });
    unheard.get().catch(() => undefined);
  },
  /** The CPU time of this process so far, in µs. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  /** Results a second of a group. */
  group: async (count) => {
    const began = performance.now();
    await group(many(count, (at) => add.s(at, 1)))
      .delay()
      .get();
    return (count / (performance.now() - began)) * 1_000;
  },
  /** Milliseconds from the last part's run to the body's. */
  chord: (count) =>
    chord(
      many(count, () => stamp.s()),
      latest.s(),
    )
      .delay()
      .get(),
  idleChord: async (count) => {
    const parts = many(count, () => stamp.signature([], { queue: 'idle' }));
    await chord(parts, latest.signature([], { queue: 'idle' })).delay();
  },
  /** Milliseconds that a chain takes. */
  chain: async (count) => {
    const began = performance.now();
    await chain(add.s(0, 1), ...many(count - 1, () => add.s(1)))
      .delay()
      .get();
    return performance.now() - began;
  },
  stop: () => app.close(),
});
