/** Batches: small calls packed into messages, and a task that takes many calls at a time. */
import { App, type BatchCall } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';

// All in one process, to be short; in production the worker is `dtask worker -A app`.
await using redis = await startEmbedded({ dir: false });
await using app = new App('mail', { broker: redis.url });

// An ordinary task: only its messages are fewer.
const count = app.task('words.count', (line: string) => line.split(' ').length, { batch: true });

// Gets up to 32 calls at a time; returns a value, or an Error, for each.
const embed = app.task(
  'embed',
  (calls: readonly BatchCall<[text: string]>[]) =>
    calls.map(({ args: [text] }) => (text ? [text.length] : new RangeError('no text'))),
  { batch: { gather: true, size: 32, wait: '50ms' } },
);

await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();

const lines = ['to be or not', 'to be', 'that is'];
const counts = await Promise.all(lines.map((line) => count.delay(line).get()));
console.log('words:', counts);

const [first, second] = await Promise.allSettled([
  embed.delay('a text').get(),
  embed.delay('').get(),
]);
console.log(first.status === 'fulfilled' && first.value);
console.log(second.status === 'rejected' && String(second.reason));
