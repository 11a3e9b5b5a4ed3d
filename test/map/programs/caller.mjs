/** Streams a map with an id and prints each value, until it is killed. */
import { App } from 'dtask';

const [broker, prefix, id, mark, items, held] = process.argv.slice(2);
const app = new App('caller', { broker, prefix });
const count = app.task('count', () => undefined);
const source = Array.from({ length: Number(items) }, (_, x) => [mark, x, Number(held)]);
for await (const value of count.starmap(source, { id, chunkSize: 4, concurrency: 3 }))
  console.log(value);
await app.close();
