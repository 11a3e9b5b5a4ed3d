/** An App for each test of a file, on the file's own stage; it has no worker until the test starts one. */
import type { App } from 'dtask';
import { beforeEach } from 'vitest';
import { stage } from './own-stage.js';

/** Another one in each test. */
export let app: App;

beforeEach(() => {
  app = stage.app();
});
