/** Schedules are values: what they say can be looked at without a broker. */
import { cron, crontab, every, once, type Schedule, schedule, solar } from 'dtask';

const paris = { timezone: 'Europe/Paris' };
const quarters = ['03-31', '06-30', '09-30', '12-31'];

const schedules: Schedule[] = [
  every('90m', { align: true }),
  crontab({ minute: 0, hour: 9, dayOfMonth: '1-7', dayOfWeek: 'mon' }, paris),
  cron('30 2 * * *', paris),
  solar('sunset', { latitude: 48.86, longitude: 2.35 }),
  once(new Date('2027-01-01T00:00:00Z')),
  schedule(
    (after) => {
      const year = after.getUTCFullYear();
      const ends = [year, year + 1].flatMap((each) => quarters.map((day) => `${each}-${day}`));
      return ends.map((day) => new Date(day)).find((day) => day > after);
    },
    { name: 'end of quarter' },
  ),
];

const after = new Date('2026-03-28T12:00:00Z');
for (const each of schedules) console.log(String(each), '→', each.next(after));
