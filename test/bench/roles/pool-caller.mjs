/** A process that calls the tasks that run in pools. */
// @ts-check
import { paced, timed } from './pace.mjs';
import { app, burn, echo, noted } from './pool-app.mjs';
import { serve } from './role.mjs';

/** @type {Promise<unknown>[]} */
let results = [];

serve({
  send: (count, width) => paced(count, width, (x) => echo.delay(x)),
  roundTrips: (count) => timed(count, (x) => echo.delay(x).get()),
  /** Milliseconds that so many tasks of `ms` CPU take. */
  burn: async (count, ms) => {
    const began = performance.now();
    await Promise.all(Array.from({ length: count }, () => burn.delay(ms).get()));
    return performance.now() - began;
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
