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

export const echo = app.task('echo', (/** @type {number} */ x) => {
  tally.count();
  return x;
});
