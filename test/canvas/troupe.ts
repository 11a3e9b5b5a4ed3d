/** Two workers that run canvases: whoever imports them has them gathered before its tests and disbanded behind. */
import { fileURLToPath } from 'node:url';
import { App } from 'dtask';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { engine } from '../support/own-engine.js';
import { Troupe } from '../support/troupe.js';
import { until } from '../support/until.js';
import { readNotes } from './notes.js';
import { tasks } from './tasks.js';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The longest that a canvas of these tests may take. */
export const soon = { timeout: '10s' } as const;

/** Workers that run canvases, whose App to send from has the tasks. */
class CanvasTroupe extends Troupe {
  constructor(url: string) {
    super(url, here, { tasks });
  }

  /** An App that has none of the tasks, as another process might have; closed with the test. */
  stranger(): App {
    const app = new App('stranger', { broker: engine.url, prefix: this.prefix });
    onTestFinished(() => app.close());
    return app;
  }

  /** Resolves when all has ended but for `left` tasks: what was to be called has been called. */
  async quiet(left = 0): Promise<void> {
    await until(`${left} tasks are left`, async () => {
      const { waiting, delayed, active } = await this.app.queues.counts('default');
      return waiting + delayed + active === left;
    });
  }

  /** What tasks have noted under a mark, once nothing can come any more. */
  async notes(mark: string): Promise<unknown[]> {
    await this.quiet();
    return readNotes(this.stage.redis, this.prefix, mark);
  }
}

/** There as soon as the first hook or test of the file begins. */
export let troupe: CanvasTroupe;

beforeAll(async () => {
  troupe = new CanvasTroupe(engine.url);
  await Promise.all(['one', 'two'].map((name) => troupe.hire(name, ['-c', '8'])));
});
afterAll(() => troupe.disband());
