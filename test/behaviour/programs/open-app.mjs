/** Makes a call and has its result, and closes nothing: an App keeps no process alive. */
import { App } from 'dtask';

const [broker, prefix] = process.argv.slice(2);
const app = new App('caller', { broker, prefix });
console.log(await app.sendTask('quick').get({ timeout: '10s' }));
