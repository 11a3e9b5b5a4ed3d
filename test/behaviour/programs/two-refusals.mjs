/** Calls a task whose two schemas both refuse, one at once and one later; Node ends it on an unhandled rejection. */
import { App } from 'dtask';
import { z } from 'zod';

const app = new App('caller', { broker: 'redis://127.0.0.1:1', sendTimeout: 200 });
const both = app.task('both', (...all) => all, {
  args: [z.string().refine(async () => false, 'refused later'), z.number()],
});
await both.delay('a', 'b').catch((error) => console.log(error.code));
await new Promise((resolve) => setTimeout(resolve, 50));
await app.close();
