/** Periodic tasks that are wrong. */
import { App, every } from 'dtask';
import { add, app, double, ping } from '../tasks.js';

// refused: is not assignable to type
new App('a', { beat: { nightly: { task: 'report.send' } } });
// refused: is not assignable to type
new App('b', { beat: { nightly: { task: 'report.send', every: '1h', cron: '0 3 * * *' } } });
// refused: is not assignable to type
new App('c', { beat: { nightly: { task: add.s(1), every: '1h' } } });
// refused: 'evry'
new App('d', { beat: { nightly: { task: 'report.send', evry: '1h' } } });
// refused: Expected 3 arguments, but got 2
app.addPeriodicTask(every('1m'), double);
// refused: Expected 3 arguments, but got 2
app.addPeriodicTask(every('1m'), add.s(1));
// refused: Type 'string' is not assignable to type 'number'
app.addPeriodicTask(every('1m'), double, { args: ['1'] });
// refused: Type '[number]' is not assignable to type '() => readonly []'
app.addPeriodicTask(every('1m'), ping, { args: [1] });
// refused: 'overlaps'
app.addPeriodicTask(every('1m'), ping, { overlaps: 'skip' });
// refused: is not assignable to parameter of type
app.beat.add('x', { task: double, every: '1m' });
