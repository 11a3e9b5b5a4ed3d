/** A program with a worker inside, whose tasks leave errors behind; then the program does, in the way that is asked for. */
import { setTimeout as delay } from 'node:timers/promises';
import { App } from 'dtask';
import { Worker } from 'dtask/worker';

const [broker, prefix, way] = process.argv.slice(2);
const app = new App('strays', { broker, prefix });
const tasks = {
  forgets: app.task('forgets', async () => {
    void Promise.reject(new Error('left by forgets'));
    await delay(20);
    return 'forgets';
  }),
  forgetsLate: app.task('forgets.late', () => {
    void delay(20).then(() => {
      throw new Error('left by forgets.late');
    });
    return 'forgets.late';
  }),
  throws: app.task('throws', async () => {
    setTimeout(() => {
      throw new Error('left by throws');
    }, 5);
    await new Promise(() => undefined);
  }),
  throwsLate: app.task('throws.late', () => {
    setTimeout(() => {
      throw new Error('left by throws.late');
    }, 20);
    return 'throws.late';
  }),
  quiet: app.task('quiet', async () => {
    await delay(100);
    return 'quiet';
  }),
};
const worker = new Worker(app, { name: 'inside' });
await worker.start();
for (const task of Object.values(tasks)) {
  const value = await task.delay().get({ timeout: '10s', propagate: false });
  console.log(value instanceof Error ? `failed: ${value.message}` : `gave: ${String(value)}`);
}
const heard = (error) => console.log(`heard: ${error.message}`);
const rejects = () => void Promise.reject(new Error('the program rejects'));
const throws = () =>
  void setTimeout(() => {
    throw new Error('the program throws');
  }, 1);
switch (way) {
  case 'rejects':
    rejects();
    break;
  case 'throws':
    throws();
    break;
  case 'hears':
    process.on('unhandledRejection', heard).on('uncaughtException', heard);
    rejects();
    throws();
    break;
  case 'after':
    await worker.stop();
    rejects();
    break;
}
await delay(300);
await worker.stop();
await app.close();
console.log(
  `listeners: ${process.listenerCount('unhandledRejection')} ${process.listenerCount('uncaughtException')}`,
);
