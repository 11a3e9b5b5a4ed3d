/** An App for a worker process, whose task logs in every way that there is. */
import { App, currentTask } from 'dtask';

export const app = new App('logging');
export const chatty = app.task('chatty', async (word) => {
  currentTask().logger.info({ word }, 'by the logger');
  console.log('by the console', word);
  await new Promise((resolve) => setImmediate(resolve));
  console.warn('after an await');
  return word;
});
