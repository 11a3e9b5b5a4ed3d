/** An App for one test on servers that others use as well. */
import { randomBytes } from 'node:crypto';
import { App, type AppOptions } from 'dtask';
import { onTestFinished } from 'vitest';

/** An App that no other sees, closed when the test ends. */
export function unseenApp(options: AppOptions): App {
  const app = new App('test', { prefix: `t-${randomBytes(4).toString('hex')}`, ...options });
  onTestFinished(() => app.close());
  return app;
}
