/** Periodic tasks that are right. */
import { App, chain, crontab, every } from 'dtask';
import { add, app, double, ping, report } from '../tasks.js';

new App('a', {
  beat: {
    byName: { task: 'report.send', args: ['all'], cron: '0 3 * * *', timezone: 'Europe/Paris' },
    byTask: { task: add, args: [1, 2], every: '1h', overlap: 'skip' },
    computed: { task: double, args: () => [Date.now()], every: 60_000 },
    byCanvas: { task: chain(add.s(1, 2), double.s()), schedule: crontab({ hour: 7 }) },
    filled: { task: add.s(1), args: [2], every: '1h', align: true },
  },
});
app.addPeriodicTask(every('1m'), ping);
app.addPeriodicTask(every('1m'), 'by.name', { args: [1, 'a'], name: 'other' });
app.addPeriodicTask(every('1m'), double, { args: [1] });
app.addPeriodicTask(every('1m'), add, { args: () => [1, 2] });
app.addPeriodicTask(crontab({ hour: 7 }), report.s('title'), { name: 'morning', overlap: 'skip' });
await app.beat.add('reminder', { task: 'mail.remind', args: [42], cron: '0 9 * * mon-fri' });
await app.beat.add('doubled', { task: double, args: [42], every: '1h' });
