/** Failed tasks: found, looked at, mended, retried. */
import { App, chain, task } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';

let printerIsOn = false;

const print = task('paper.print', (text: string): number => {
  if (!printerIsOn) throw new Error('the printer is off');
  return text.length;
});
const bill = task('paper.bill', (characters: number) => `${characters * 2} cents`);

// All in one process, to be short; in production the worker is `dtask worker -A app`.
await using redis = await startEmbedded({ dir: false });
await using app = new App('office', { broker: redis.url, tasks: [print, bill] });
await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();

const bills: string[] = [];
for (const text of ['invoice', 'letter']) {
  const call = await chain(print.s(text), bill.s()).delay();
  const error = await call.get({ timeout: '20s', propagate: false });
  console.log('the chain has failed:', error instanceof Error && error.message);
  // The task that failed is the first of the chain.
  const failed = await app.failed.show(call.parent?.id ?? '');
  console.log('kept:', failed?.task, failed?.args, `on queue ${failed?.queue}`);
  bills.push(call.id);
}

printerIsOn = true;
for await (const { task: name, args } of app.failed.list({ error: 'printer', since: '1h' }))
  console.log('to retry:', name, args);
const { retried } = await app.failed.retry({ task: 'paper.*' });
console.log('retried:', retried);
for (const id of bills) console.log(await app.result(id).get({ timeout: '20s' }));
