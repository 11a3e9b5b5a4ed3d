/** Two workers, and tasks that are declared when these have started. */
import { App } from 'dtask';
import { Worker } from 'dtask/worker';

const [broker] = process.argv.slice(2);
const app = new App('late', { broker, prefix: 'late' });
app.task('early', () => undefined, { queue: 'early' });
await new Worker(app, { name: 'own' }).start();
await new Worker(app, { name: 'chosen', queues: ['taken'], logLevel: 'silent' }).start();
app.task('late.default', () => undefined);
app.task('late.early', () => undefined, { queue: 'early' });
app.task('late.taken', () => undefined, { queue: 'taken' });
app.task('late.lost', () => undefined, { queue: 'nowhere' });
