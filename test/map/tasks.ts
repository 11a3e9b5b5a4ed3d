/** The tasks whose maps the tests interrupt. */
import { setTimeout as delay } from 'node:timers/promises';
import type { App } from 'dtask';
import { note } from '../canvas/notes.js';
import { countStarts, noteStart, passGate } from '../fixtures/faults/trace.js';

/** Declares them on an App: that of the workers, and that of the caller. */
export function declare(app: App) {
  /** Counts its runs. The one of `held` waits until the test lets it go on. */
  const count = app.task('count', async (mark: string, x: number, held = -1) => {
    await note(mark, x);
    if (x === held) {
      noteStart(mark);
      await passGate(mark);
    }
    return x * 2;
  });

  /** Takes a while. */
  const nap = app.task('nap', async (mark: string, x: number) => {
    noteStart(mark);
    await delay(20);
    return x * 2;
  });

  /** The first run of `slow` waits until the test lets it go on; the next does not. */
  const straggle = app.task('straggle', async (mark: string, x: number, slow: number) => {
    if (x !== slow) return x;
    noteStart(mark);
    if (countStarts(mark) === 1) await passGate(mark);
    return x;
  });

  /** Kills its process. */
  const poison = app.task('poison', (x: number, deadly: number) => {
    if (x === deadly) process.kill(process.pid, 'SIGKILL');
    return x;
  });

  /** Throws where no promise is looking. */
  const leak = app.task('leak', async (x: number, bad: number) => {
    await new Promise<void>((resolve) => {
      setTimeout(() => {
        if (x === bad) throw new Error('from a timer');
        resolve();
      });
    });
    return x;
  });

  const square = app.task('square', (x: number) => x * x);

  const sum = app.task('sum', (a: number, b: number) => a + b);

  /** Streams a map of its own. */
  const sumOfSquares = app.task('sumOfSquares', async (upTo: number) => {
    const numbers = Array.from({ length: upTo }, (_, x) => x);
    let total = 0;
    for await (const value of square.map(numbers, { chunkSize: 3 })) total += value;
    return total;
  });
  return { count, nap, straggle, poison, leak, square, sum, sumOfSquares };
}
