/** Periodic tasks at run time: added, looked at, changed, paused, run and removed. */
import { setTimeout as pause } from 'node:timers/promises';
import { App, task } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Beat, Worker } from 'dtask/worker';

const remind = task('mail.remind', (who: string) => console.log('reminded', who));

// All in one process, to be short; in production: `dtask worker -A app`, `dtask beat -A app`.
await using redis = await startEmbedded({ dir: false });
await using app = new App('mail', { broker: redis.url, tasks: [remind] });
await using worker = new Worker(app, { logLevel: 'silent' });
await using beat = new Beat(app, { logLevel: 'silent' });
await worker.start();
await beat.start();

let ann = await app.beat.add('ann', { task: remind, args: ['Ann'], every: '200ms', limit: 2 });
await app.beat.add('bob', { task: 'mail.remind', args: ['Bob'], cron: '0 9 * * mon-fri' });

while (ann.next) {
  await pause(50);
  ann = (await app.beat.get('ann')) ?? ann;
}
await app.result(ann.lastId ?? '').get({ timeout: '10s' });

await app.beat.change('bob', { cron: '0 8 * * mon-fri', timezone: 'Europe/Paris' });
await app.beat.pause('bob');
for (const { name, schedule, runs, paused } of await app.beat.list())
  console.log(name, '|', schedule, '|', runs, 'runs', paused ? '| paused' : '');

// Now, beside its schedule, and although it is paused.
const result = await app.beat.run('bob');
await result.get({ timeout: '10s' });

await app.beat.resume('bob');
for (const { name } of await app.beat.list()) await app.beat.remove(name);
