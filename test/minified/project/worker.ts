/** A program with a worker in it. */
import { Worker } from 'dtask/worker';
import { app } from './app.js';

const worker = new Worker(app, { logLevel: 'warn' });
await worker.start();
console.log('"ready"');
process.on('SIGTERM', () => void worker.stop().then(() => app.close()));
