/** The stage of a test file, shared by its tests: whoever imports it has it opened before them and closed behind. */
import { afterAll, beforeAll } from 'vitest';
import { Stage } from './stage.js';

/** There as soon as the first hook or test of the file begins. */
export let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());
