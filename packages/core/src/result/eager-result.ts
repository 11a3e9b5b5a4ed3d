/** The result of a task that ran where it was called. */
import { isFinal, type Outcome, type TaskState } from '../protocol/outcome.js';
import { atCaller } from './at-caller.js';
import { valueOf } from './remote-error.js';

/** What `apply()` gives: the face of an `AsyncResult`, without Redis. */
export class EagerResult<T> {
  readonly id: string;
  /** The result of what came before, in a chain. */
  readonly parent: Promise<EagerResult<unknown> | undefined>;
  readonly #outcome: Promise<Outcome>;
  #settled: Outcome | undefined;

  /** @internal */
  constructor(
    id: string,
    outcome: Promise<Outcome>,
    parent: Promise<EagerResult<unknown> | undefined> = Promise.resolve(undefined),
  ) {
    this.id = id;
    this.parent = parent;
    this.#outcome = outcome.then((settled) => (this.#settled = settled));
  }

  /**
   * The value, when the run has ended.
   * @param options `propagate: false` gives the error in place of throwing it
   * @throws what `AsyncResult.get` throws
   */
  get(options?: { propagate?: true }): Promise<T>;
  get(options: { propagate?: boolean }): Promise<T | Error>;
  async get({ propagate = true }: { propagate?: boolean } = {}): Promise<T | Error> {
    const outcome = await this.#outcome;
    try {
      const value = valueOf(outcome, propagate);
      return (propagate ? value : atCaller(value, this, 'get')) as T | Error;
    } catch (error) {
      throw atCaller(error, this, 'get');
    }
  }

  /** @internal */
  get outcome(): Promise<Outcome> {
    return this.#outcome;
  }

  /** The state: `STARTED` until the run has ended. */
  state(): Promise<TaskState> {
    return Promise.resolve(this.#settled?.state ?? 'STARTED');
  }

  /** Whether the run has ended. */
  async ready(): Promise<boolean> {
    return isFinal(await this.state());
  }

  /** Whether the run has ended well. */
  async successful(): Promise<boolean> {
    return (await this.state()) === 'SUCCESS';
  }

  /** Whether the run has ended with an error. */
  async failed(): Promise<boolean> {
    return (await this.state()) === 'FAILURE';
  }

  /** The value or the error, when the run has ended. */
  async result(): Promise<T | Error | undefined> {
    return this.#settled ? this.get({ propagate: false }) : undefined;
  }
}
