/** Canvas: tasks composed into chains, groups and chords. */
import { App, chain, chord, chunks, currentTask, group } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';

await using redis = await startEmbedded({ dir: false });
await using app = new App('press', { broker: redis.url });

const fetchPage = app.task('page.fetch', (name: string) => `the quick ${name} jumps`);
const countWords = app.task('page.count', (text: string) => text.split(' ').length);
const sum = app.task('sum', (numbers: number[]) => numbers.reduce((all, one) => all + one, 0));
const add = app.task('add', (x: number, y: number) => x + y);
const print = app.task('print', (line: string | number) => console.log('printed:', line));
const refuse = app.task('refuse', (text: string): never => {
  throw new Error(`nobody reads "${text}"`);
});
const tell = app.task('tell', ({ task, error }: { task: string; error: Error }) =>
  console.log(`told: ${task} failed: ${error.message}`),
);
/** Decides when it runs what its work is. */
const countAll = app.task('page.countAll', (names: string[]): number =>
  currentTask().replace(
    chord(
      names.map((name) => chain(fetchPage.s(name), countWords.s())),
      sum.s(),
    ),
  ),
);

await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();
const soon = { timeout: '20s' } as const;

// Each step gets the value of the one before as its first argument.
console.log('chain:', await chain(add.s(1, 2), add.s(4)).delay().get(soon));
// Values in the order in which the parts are given.
console.log('group:', await group(add.s(1, 1), countWords.s('a b c')).delay().get(soon));
// The body gets the list.
console.log(
  'chord:',
  await chord([add.s(1, 1), add.s(2, 2)], sum.s())
    .delay()
    .get(soon),
);
console.log('replaced:', await countAll.delay(['fox', 'dog']).get(soon));
const pairs: [number, number][] = [
  [1, 1],
  [2, 2],
  [3, 3],
];
console.log('chunks:', await chunks(add, pairs, 2).delay().get(soon));

// Callbacks are tasks too.
const linked = await add.s(20, 22).link(print.s()).delay();
for await (const [{ id }, value] of linked.collect(soon))
  if (id === linked.id) console.log('linked:', value);
const failing = chain(fetchPage.s('cat'), refuse.s(), countWords.s()).onError(tell.s());
console.log('failed:', String(await failing.delay().get({ ...soon, propagate: false })));

// In the order in which they end.
const results = await group(add.s(1, 0), add.s(2, 0)).delay();
const ended: unknown[] = [];
for await (const result of results) ended.push(await result.get());
console.log('ended:', ended.length);
