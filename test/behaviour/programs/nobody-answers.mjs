/** Makes a call that nobody takes, at the address that it is given; closes its App if it is told to. */
import { App } from 'dtask';

const [, , broker, closes] = process.argv;
const app = new App('lost', { broker, sendTimeout: '300ms' });
await app.sendTask('add', [1]).catch(({ name }) => console.log(name));
if (closes) {
  await app.close();
  const since = performance.now();
  process.on('exit', () => console.log(performance.now() - since < 1_000 ? 'at once' : 'late'));
}
