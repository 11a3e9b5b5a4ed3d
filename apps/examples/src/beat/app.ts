/** Periodic tasks, declared in three ways: by the app, by a task, and by what adds them. */
import { App, crontab, solar } from 'dtask';

export const app = new App('shop', {
  timezone: 'Europe/Paris',
  beat: {
    nightly: { task: 'report.send', args: ['everybody'], cron: '0 3 * * *', misfire: 'all' },
    lamps: {
      task: 'lamps.turn',
      args: ['on'],
      schedule: solar('sunset', { latitude: 48.86, longitude: 2.35 }),
    },
  },
});

export const send = app.task('report.send', (to: string) => `a report for ${to}`);
export const turn = app.task('lamps.turn', (to: string) => `lamps ${to}`);

export class Stock {
  @app.task({ name: 'stock.sync', every: '5m', overlap: 'skip', expires: '5m' })
  static sync(): string {
    return 'in sync';
  }
}

app.addPeriodicTask(crontab({ minute: 0, hour: 8, dayOfWeek: 'mon' }), send.s('the boss'), {
  name: 'weekly',
});
