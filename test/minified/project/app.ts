/** An app whose tasks fail in every way that callers know by a class of its own. */
import { once } from 'node:events';
import { App, ArgumentsError, currentTask, Ignore, Reject, Retry } from 'dtask';

export const app = new App('minified', { maxPayload: 2_000 });

/** A user's error that says what it is; a build cannot change it. */
class OutOfStock extends Error {
  override readonly name = 'OutOfStock';
  readonly code = 'OUT_OF_STOCK';
}
/** One whose name is that of its class. */
class Anonymous extends Error {}

app.task('arguments', (x: number) => x, { args: [] as never });
app.task('own.arguments', () => {
  throw new ArgumentsError('refused by the task');
});
app.task('reject', () => {
  throw new Reject('refused');
});
app.task('ignore', () => {
  throw new Ignore();
});
app.task(
  'retry',
  () => {
    throw new Retry({ countdown: 1 });
  },
  { maxRetries: 1 },
);
app.task('encode', () => () => undefined);
app.task('large', () => 'x'.repeat(5_000));
app.task('hard', () => new Promise(() => undefined), { timeLimit: 50 });
app.task(
  'soft',
  async () => {
    const { signal } = currentTask();
    await once(signal, 'abort');
    throw signal.reason;
  },
  { softTimeLimit: 50 },
);
app.task('stock', () => {
  throw new OutOfStock('none left');
});
app.task('anonymous', () => {
  throw new Anonymous('who am I');
});

export class MathTasks {
  @app.task()
  static square(x: number): number {
    return x * x;
  }

  @app.task({ name: 'math.cube' })
  static cube(x: number): number {
    return x ** 3;
  }
}
