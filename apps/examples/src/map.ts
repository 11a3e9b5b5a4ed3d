/** Maps: a task over any number of items, streamed. */
import { App } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';

// All in one process, to be short; in production the worker is `dtask worker -A app`.
await using redis = await startEmbedded({ dir: false });
await using app = new App('library', { broker: redis.url });

type Counts = Record<string, number>;

const square = app.task('square', (x: number) => x * x);
const parse = app.task('parse', (text: string): unknown => JSON.parse(text));
const countWords = app.task('words.count', (line: string) => {
  const counts: Counts = {};
  for (const word of line.split(' ')) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
});
const merge = app.task('words.merge', (all: Counts, some: Counts) => {
  const merged = { ...all };
  for (const [word, count] of Object.entries(some)) merged[word] = (merged[word] ?? 0) + count;
  return merged;
});

await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();

function* numbers(): Generator<number> {
  for (let x = 0; ; x += 1) yield x;
}

// The source has no end; it is read as far as the loop gets, and a little further.
let sum = 0;
for await (const value of square.map(numbers())) {
  if (value > 1_000_000) break;
  sum += value;
}
console.log('sum of squares:', sum);

// Each failure stands by its item, and fails no other.
const texts = ['{"a":1}', 'no JSON', '[2]'];
for await (const result of parse.map(texts, { onItemError: 'collect' }))
  console.log(result.index, result.ok ? result.value : result.error.name);

// Workers add up what they have before they send it.
const lines = ['to be or not', 'to be', 'or what'];
console.log('words:', await app.mapReduce(lines, { map: countWords, reduce: merge, initial: {} }));
