/** With `taskMethods: 'tasks only'` a plain function is no task; checked by `npm run types`, never run. */
import { App, taskOf } from 'dtask';

const app = new App('types');
const add = app.task('add', (x: number, y: number) => x + y);

class MathTasks {
  @app.task({ name: 'square' })
  static square(x: number): number {
    return x * x;
  }
}

function plain(x: number): number {
  return x;
}

/** What the compiler knows to be a task has all that a task has. */
export async function known(): Promise<number> {
  await add.delay(1, 2);
  add.s(1);
  // oxlint-disable-next-line typescript/unbound-method -- a task knows its class
  const square = taskOf(MathTasks.square);
  const tasks = app.tasksOf<typeof MathTasks>('math');
  await tasks.square.delay(2);
  return square.delay(5).get();
}

/** What it does not know has nothing of it. */
export function unknown(): void {
  // @ts-expect-error -- a forgotten @app.task
  plain.delay(1);
  // @ts-expect-error -- no task for the compiler
  MathTasks.square.delay(1);
  // @ts-expect-error -- nor here
  plain.s(1);
}
