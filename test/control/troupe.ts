/** The troupe of a control test file: whoever imports it may hire from it before its tests, and has it disbanded behind. */
import { afterAll, beforeAll } from 'vitest';
import { engine } from '../support/own-engine.js';
import { Troupe } from '../support/troupe.js';
import { here } from './hire.js';

/** There as soon as the first hook or test of the file begins; without workers at first. */
export let troupe: Troupe;

beforeAll(() => {
  troupe = new Troupe(engine.url, here);
});
afterAll(() => troupe.disband());
