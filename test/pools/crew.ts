/** The crew of a test file, on the App of the pools: whoever imports it has it opened before its tests and closed behind. */
import { afterAll, beforeAll } from 'vitest';
import { Crew } from '../support/crew.js';

/** There as soon as the first hook or test of the file begins. */
export let crew: Crew<typeof import('../fixtures/pools/app.js')>;

beforeAll(async () => {
  crew = await Crew.open('pools', () => import('../fixtures/pools/app.js'));
});
afterAll(() => crew.close());
