/** Waits with an `onProgress` that throws, beside one that does not, and says what became of both. */
import { App } from 'dtask';

const [broker, prefix] = process.argv.slice(2);
const app = new App('caller', { broker, prefix });
// From now on this process hears of everything.
await app.sendTask('steps').get({ timeout: '10s' });
const sent = app.sendTask('steps');
const broken = sent.get({
  timeout: '10s',
  onProgress: () => {
    throw new TypeError('the bar is broken');
  },
});
const [first, second] = await Promise.allSettled([broken, sent.get({ timeout: '10s' })]);
console.log(first.reason?.message ?? first.value, second.value);
await app.close();
