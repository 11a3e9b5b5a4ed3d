/** Waits for a group of which one part fails while another one goes on, and closes nothing. */
import { App, group } from 'dtask';

const [broker, prefix] = process.argv.slice(2);
const app = new App('caller', { broker, prefix });
const parts = group(app.signature('fails'), app.signature('goesOn'));
await parts
  .delay()
  .get({ timeout: '10s' })
  .catch((error) => console.log(error.message));
