/** Another process that knows a task's id and nothing else: prints what it is told of it. */
import { App } from 'dtask';

const [broker, prefix, id] = process.argv.slice(2);
const app = new App('asker', { broker, prefix });
const result = app.result(id);
const value = await result.get({ timeout: '10s' });
console.log(JSON.stringify({ value, state: await result.state(), ready: await result.ready() }));
await app.close();
