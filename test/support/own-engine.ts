/** The engine of a test file, shared by its tests: whoever imports it has it started before them and stopped behind. */
import { afterAll, beforeAll } from 'vitest';
import { Engine } from './engine.js';

/** There as soon as the first hook or test of the file begins. */
export let engine: Engine;

beforeAll(async () => {
  engine = await Engine.start();
});
afterAll(() => engine[Symbol.asyncDispose]());
