/** A process that calls the tasks that run in pools. */
// @ts-check
import { setTimeout as pause } from 'node:timers/promises';
import { paced, timed } from './pace.mjs';
import { app, block, burn, echo, noted } from './pool-app.mjs';
import { serve } from './role.mjs';

/** @type {Promise<unknown>[]} */
let results = [];

serve({
  send: (count, width) => paced(count, width, (x) => echo.delay(x)),
  roundTrips: (count) => timed(count, (x) => echo.delay(x).get()),
  /** Milliseconds that so many tasks take that compute. */
  burn: async (count) => {
    const began = performance.now();
    await Promise.all(Array.from({ length: count }, () => burn.delay().get()));
    return performance.now() - began;
  },
  /** Milliseconds that a map over so many items takes that compute. */
  burnMap: async (count) => {
    const began = performance.now();
    const items = Array.from({ length: count }, () => /** @type {[]} */ ([]));
    for await (const _value of burn.starmap(items)) continue;
    return performance.now() - began;
  },
  /** Milliseconds that they take here, one after another. */
  burnHere: (count) => {
    const began = performance.now();
    for (let at = 0; at < count; at += 1) burn();
    return performance.now() - began;
  },
  /** Milliseconds that each ping of two workers took, while their children compute for so long. */
  block: async (count, ms) => {
    const calls = Array.from({ length: count }, () => block.delay(ms).get());
    let over = false;
    const all = Promise.all(calls).finally(() => (over = true));
    const pings = [];
    while (!over) {
      const began = performance.now();
      const answers = await app.inspect.ping({ timeout: '5s' });
      if (Object.keys(answers).length !== 2) throw new Error('a worker did not answer');
      pings.push(performance.now() - began);
      await pause(100);
    }
    await all;
    return pings;
  },
  /** Sends tasks whose results `noted` waits for. */
  sendNoted: async (count) => {
    const calls = Array.from({ length: count }, (_, x) =>
      noted.delay(x, 5 + Math.floor(Math.random() * 46)),
    );
    results = calls.map((call) => call.get({ timeout: '110s', propagate: false }));
    await Promise.all(calls);
  },
  /** How many of them came out right. */
  noted: async () => (await Promise.all(results)).filter((value, x) => value === x * 2 + 1).length,
  stop: () => app.close(),
});
