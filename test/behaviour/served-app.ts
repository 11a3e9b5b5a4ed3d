/** An App for all tests of a file, on the file's own stage, with a worker that runs its tasks. */
import type { App } from 'dtask';
import { beforeAll } from 'vitest';
import { stage } from './own-stage.js';

/** There as soon as the first hook or test of the file begins. */
export let app: App;

beforeAll(async () => {
  app = stage.app();
  await stage.worker(app);
});
