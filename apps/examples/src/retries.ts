/** Retries: by the class of the error, by the task's own decision, and what the caller gets in the end. */
import { App, currentTask, Retry, task, TaskFailedError } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';

class Busy extends Error {
  override name = 'Busy';
}

/** Retried only for `Busy`, after 100 ms, 200 ms, 400 ms and so on, less a random part. */
const fetchRate = task(
  'rates.fetch',
  (currency: string): number => {
    if (currency === 'XXX') throw new TypeError('there is no currency XXX');
    if (currentTask().retries < 2) throw new Busy('the bank is busy');
    return 1.25;
  },
  { retryFor: Busy, maxRetries: 5, retryBackoff: '100ms' },
);

/** Decides for itself when it runs again. */
const waitForPayment = task('payment.wait', (order: number): string => {
  const { retries } = currentTask();
  if (retries < 3) throw new Retry({ countdown: '50ms', maxRetries: 10 });
  return `order ${order} is paid, after ${retries} retries`;
});

/** Given maxRetries alone, every error is retried; the caller gets the last one. */
const alwaysBusy = task(
  'rates.busy',
  (): never => {
    throw new Busy('the bank is closed');
  },
  { maxRetries: 2, retryDelay: '20ms' },
);

// All in one process, to be short; in production the worker is `dtask worker -A app`.
await using redis = await startEmbedded({ dir: false });
await using app = new App('bank', {
  broker: redis.url,
  tasks: [fetchRate, waitForPayment, alwaysBusy],
});
await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();

console.log('rate:', await fetchRate.delay('EUR').get({ timeout: '20s' }));
console.log(await waitForPayment.delay(7).get({ timeout: '20s' }));
for (const call of [fetchRate.delay('XXX'), alwaysBusy.delay()]) {
  const error = await call.get({ timeout: '20s', propagate: false });
  if (error instanceof TaskFailedError)
    console.log(`${error.taskName} failed with ${error.errorName}: ${error.message}`);
}
