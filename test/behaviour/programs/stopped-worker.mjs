/** Starts a worker, lets it run a task, stops it, and tells how long the process lived on after that. */
import { App } from 'dtask';
import { Worker } from 'dtask/worker';

const [broker] = process.argv.slice(2);
const app = new App('stopping', { broker, prefix: 'stopping' });
const quick = app.task('quick', () => 'done');
const worker = new Worker(app, { logLevel: 'silent' });
await worker.start();
await quick.delay().get({ timeout: '10s' });
await worker.stop();
await app.close();
const stopped = performance.now();
process.on('exit', () => console.log(Math.round(performance.now() - stopped)));
