/** The app: a task made of a method, and one made of a function. */
import { App } from 'dtask';

export const app = new App('shop');

export class MathTasks {
  @app.task({ name: 'math.square' })
  static square(x: number): number {
    return x * x;
  }
}

export const add = app.task('math.add', (x: number, y: number) => x + y, { maxRetries: 3 });
