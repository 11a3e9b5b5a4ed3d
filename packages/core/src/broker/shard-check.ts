/** Sees to it that calls go where workers look for them: both must have the same number of shards. */
import { ConfigError } from '../errors.js';
import { shardsKey, workersKey } from '../protocol/keys.js';
import type { Place } from './ask.js';

/** How long what was found is believed, and where nothing was found out, in milliseconds. */
const belief = 30_000;
const doubt = 5_000;
/** Longest that calls wait for the answer: without the main server they go on. */
const patience = 250;

/** Asks which number of shards the workers that live have: before the first call, and now and then. */
export class ShardCheck {
  readonly #own: number;
  #fits = false;
  #asking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param own how many shards there are here; 0 for none */
  constructor(own: number) {
    this.#own = own;
  }

  /**
   * What a call has to wait for; nothing where it may go.
   *
   * @param main where workers say what they have
   * @throws (rejects) ConfigError when they have another number
   */
  before(main: Place): Promise<void> | undefined {
    if (this.#fits) return undefined;
    return (this.#asking ??= this.#look(main).finally(() => (this.#asking = undefined)));
  }

  /** Calls that wait for the answer go on first; what cannot be written at once is rejected all the same. */
  async close(): Promise<void> {
    await this.#asking?.catch(() => undefined);
    clearTimeout(this.#timer);
  }

  async #look(main: Place): Promise<void> {
    const theirs = await theirNumber(main);
    if (theirs !== undefined && theirs !== this.#own) throw this.#unlike(theirs);
    this.#fits = true;
    this.#timer = setTimeout(() => (this.#fits = false), theirs === undefined ? doubt : belief);
    this.#timer.unref();
  }

  #unlike(theirs: number): ConfigError {
    const [own, other] = [this.#own, theirs].map((count) => (count === 0 ? 'none' : count));
    return new ConfigError(
      `the number of shards of this App is ${own}, and that of the workers that live is ${other}: they would not find the call; give both the same shards (DTASK_SHARDS or the app's shards option)`,
    );
  }
}

/** The number of shards that the workers have; 0 for none, `undefined` where there are no workers. */
async function theirNumber({ ask, prefix }: Place): Promise<number | undefined> {
  const asked = ask("the workers' shards were not read", (connection) =>
    Promise.all([connection.get(shardsKey(prefix)), connection.exists(workersKey(prefix))]),
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patience);
  });
  try {
    const [said, live] = (await Promise.race([asked, late])) ?? [null, 0];
    if (live === 0) return undefined;
    return Number(said ?? 0);
  } catch {
    // The call itself says what is wrong with the server, where it needs that one.
    return undefined;
  } finally {
    clearTimeout(timer);
    asked.catch(() => undefined);
  }
}
