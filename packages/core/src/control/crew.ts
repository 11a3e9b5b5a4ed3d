/** Which workers take which tasks, for those who wait in vain. */
import type { Takers } from '../result/situation.js';
import type { Inspect } from './inspect.js';

/** What workers have said of themselves, by their names. */
interface Said {
  readonly queues: Awaited<ReturnType<Inspect['activeQueues']>>;
  readonly tasks: Awaited<ReturnType<Inspect['registered']>>;
  readonly live: readonly string[];
}

/** For how long it is believed: when an outage ends a thousand waits at a time, workers are asked once. */
const fresh = 250;
/** Longest wait for answers, in milliseconds. */
const patience = 200;

/** The live workers, as they say what they do. */
export class Crew {
  readonly #inspect: Pick<Inspect, 'activeQueues' | 'registered' | 'live'>;
  #said: Promise<Said> | undefined;

  constructor(inspect: Pick<Inspect, 'activeQueues' | 'registered' | 'live'>) {
    this.#inspect = inspect;
  }

  async takersOf(queue: string, task: string | undefined): Promise<Takers> {
    const { queues, tasks, live } = await (this.#said ??= this.#ask());
    const taking = Object.entries(queues).flatMap(([worker, own]) =>
      Array.isArray(own) && own.includes(queue) ? [worker] : [],
    );
    const knowing = taking.filter((worker) => {
      const known = tasks[worker];
      return task !== undefined && Array.isArray(known) && known.includes(task);
    });
    const silent = live.filter((worker) => !Array.isArray(queues[worker])).length;
    return { count: taking.length, knowing, silent };
  }

  async #ask(): Promise<Said> {
    const forget = (): void => {
      this.#said = undefined;
    };
    const timeout = { timeout: patience };
    try {
      const [queues, tasks, live] = await Promise.all([
        this.#inspect.activeQueues(timeout),
        this.#inspect.registered(timeout),
        this.#inspect.live(),
      ]);
      setTimeout(forget, fresh).unref();
      return { queues, tasks, live };
    } catch (error) {
      forget();
      throw error;
    }
  }
}
