/** Calls with wrong arguments or options. */
import { add, double, find, greet, ping, report, upper } from '../tasks.js';

// refused: parameter of type 'number'
add.delay('1', 2);
// refused: Expected 2 arguments, but got 1
add.delay(1);
// refused: Expected 2 arguments, but got 3
add.delay(1, 2, 3);
// refused: Expected 0 arguments, but got 1
ping.delay(1);
// refused: parameter of type 'string'
upper.delay(undefined);
// refused: 'age'
greet.delay({ name: 'Ann' });
// refused: parameter of type 'string'
report.delay('title', 'line', 3);
// refused: Source has 1 element(s) but target requires 2
add.applyAsync([1]);
// refused: parameter of type 'readonly [x: number, y: number]'
add.applyAsync(1, 2);
// refused: countDown
double.applyAsync([1], { countDown: '1s' });
// refused: 'Date'
double.applyAsync([1], { eta: '2026-01-01' });
// refused: '"10 seconds"'
double.applyAsync([1], { countdown: '10 seconds' });
// refused: Type 'string' is not assignable to type 'number'
double.applyAsync([1], { priority: 'high' });
// refused: 'number' is not assignable to type 'string'
find
  .delay('Ann')
  .get()
  .then((user) => {
    const name: string = user.age;
    return name;
  });
// refused: 'string'
double.apply(['1']);
