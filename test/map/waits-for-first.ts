/** A task whose first item waits for its test, and a worker that runs it. */
import type { Task } from 'dtask';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';

/** What the test holds of it. */
export interface WaitsForFirst {
  /** Lets the item 0 end. */
  readonly gate: Gate;
  /** Gives its argument; 0 only once the gate is open. */
  readonly wait: Task<(x: number) => Promise<number>>;
}

/** Starts it. */
export async function waitsForFirst(): Promise<WaitsForFirst> {
  const app = stage.app();
  const gate = new Gate();
  const wait = app.task('wait', async (x: number) => {
    if (x === 0) await gate.passed;
    return x;
  });
  await stage.worker(app);
  return { gate, wait };
}
