/** The app that dtask's callers and workers of the bench share. */
// @ts-check
import { App } from 'dtask';
import { Tally } from './tally.mjs';
import { prefix, url } from './role.mjs';

export const tally = new Tally();

const resultExpires = /** @type {import('dtask').Duration} */ (
  process.env['BENCH_EXPIRES'] ?? '1d'
);

export const app = new App('bench', { broker: url, prefix, resultExpires });

/** Says how late it runs, in milliseconds. */
export const late = app.task('late', (/** @type {number} */ due) => Date.now() - due);

/** Says when it ran, for the time between the last part of a chord and its body. */
export const stamp = app.task('stamp', () => Date.now());

export const latest = app.task('latest', (/** @type {number[]} */ times) => {
  const now = Date.now();
  return now - times.reduce((last, time) => Math.max(last, time), 0);
});

export const add = app.task('add', (/** @type {number} */ x, /** @type {number} */ y) => x + y);

/** The same as `echo`, but that its calls are packed. */
export const packed = app.task(
  'packed',
  (/** @type {number} */ x) => {
    tally.count();
    return x;
  },
  { batch: true },
);

export const echo = app.task('echo', (/** @type {number} */ x) => {
  tally.count();
  return x;
});
