/** Calls the tasks; a worker executes them. */
import { add, MathTasks } from './app.js';

const result = await MathTasks.square.delay(5);
console.log(result.id, await result.get({ timeout: '10s' })); // 25

console.log(await add.delay(1, 2).get({ timeout: '10s' })); // 3
