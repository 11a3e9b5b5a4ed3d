/** Loads a task module in TypeScript through `include`, and prints what its checks say. */
import { App } from 'dtask';

const app = new App('typescript', { broker: 'redis://127.0.0.1:1', include: ['./prices.ts'] });
await app.load(new URL('../modules', import.meta.url).pathname);
const price = app.tasks.get('modules.price');
const refused = await price.delay('5').catch((error: unknown) => (error as Error).message);
console.log(JSON.stringify({ names: app.tasks.names(), value: price(5), refused }));
await app.close();
