/** A stage for all tests of a file, on the file's own engine: whoever imports it has it set before them and struck behind. */
import { afterAll, beforeAll } from 'vitest';
import { engine } from './own-engine.js';
import { Stage } from './stage.js';

/** There as soon as the first hook or test of the file begins. */
export let stage: Stage;

beforeAll(() => {
  stage = new Stage(engine.url);
});
afterAll(() => stage.strike());
