/** A compiled task module: an App that includes `tasks/*.ts` finds it by its source's pattern. */
import { task } from 'dtask';

export const greet = task('modules.greet', (/** @type {string} */ name) => `hello ${name}`);
export const notATask = { greet: 'hello' };
