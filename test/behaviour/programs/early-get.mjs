/** Asks with a long timeout for a result that is there already, and closes its App: nothing is left to wait for. */
import { App } from 'dtask';

const [broker, prefix] = process.argv.slice(2);
const app = new App('caller', { broker, prefix });
await app.sendTask('quick').get({ timeout: '10s' });
const result = await app.sendTask('quick');
while (!(await result.ready())) await new Promise((resolve) => setTimeout(resolve, 10));
console.log(await result.get({ timeout: '1h' }));
await app.close();
