/** The crew of a test file, on the App of the seams: whoever imports it has it opened before its tests and closed behind. */
import { afterAll, beforeAll } from 'vitest';
import { Crew } from '../support/crew.js';

/** The pools. */
export const pools = ['inline', 'threads', 'processes'] as const;

/** Longest that a get() waits. */
export const soon = { timeout: '20s' } as const;
/** Longest that answers of workers are waited for. */
export const long = { timeout: '20s' } as const;

/** There as soon as the first hook or test of the file begins. */
export let crew: Crew<typeof import('../fixtures/seams/app.js')>;

beforeAll(async () => {
  crew = await Crew.open('seams', () => import('../fixtures/seams/app.js'));
});
afterAll(() => crew.close());
