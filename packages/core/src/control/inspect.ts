/** Looks into workers. */
import type {
  ActiveTask,
  Answers,
  ControlOk,
  FoundTask,
  HeldTask,
  MemoryFacts,
  RevokedFacts,
  ScheduledTask,
  WorkerStats,
} from './answers.js';
import { type AskOptions, checkAsk } from './audience.js';
import type { Broadcast } from './broadcast.js';

/** The commands that look, and what each gives. */
export const inspectCommands = {
  ping: 'whether it answers',
  active: 'the tasks that run',
  reserved: 'the tasks that it has taken and not started',
  scheduled: 'the tasks of its queues that wait for their time, the next 100',
  revoked: 'the tasks that it was told to end, and the rules by which others are',
  registered: 'the tasks that it knows',
  stats: 'what it counts: tasks, uptime, pool, resources',
  activeQueues: 'the queues that it takes tasks from',
  conf: 'its settings',
  queryTask: 'which of some tasks it has: ids',
  report: 'versions and the machine',
  memory: 'how much memory it uses',
} as const;

/**
 * Asks the live workers about themselves: `app.inspect`. Each method gives an object with the answers
 * by the worker's name, `{}` where none lives. It resolves when the last live worker has answered,
 * and at the `timeout` at the latest; a worker that could not answer has `{ error }`.
 *
 * @example
 * ```ts
 * await app.inspect.ping(); // { 'shop@host.42': { ok: 'pong' } }
 * await app.inspect.active({ destination: 'shop@host.42' });
 * ```
 */
export class Inspect {
  readonly #broadcast: Broadcast;

  /** @internal */
  constructor(broadcast: Broadcast) {
    this.#broadcast = broadcast;
  }

  /** Whether workers answer: `{ ok: 'pong' }`. */
  async ping(options?: AskOptions): Promise<Answers<ControlOk<'pong'>>> {
    const replies = await this.#broadcast.ask('ping', {}, checkAsk('ping', options));
    return answersOf(replies, (value) => ({ ok: value as 'pong' }));
  }

  /** The tasks that run. */
  active(options?: AskOptions): Promise<Answers<readonly ActiveTask[]>> {
    return this.#look('active', options);
  }

  /** The tasks that were taken from a queue and wait inside the worker. */
  reserved(options?: AskOptions): Promise<Answers<readonly HeldTask[]>> {
    return this.#look('reserved', options);
  }

  /**
   * The tasks that wait for their time in the worker's queues: the next 100. Unlike Celery's they
   * are in Redis, so workers of the same queue give the same ones.
   */
  scheduled(options?: AskOptions): Promise<Answers<readonly ScheduledTask[]>> {
    return this.#look('scheduled', options);
  }

  /** The tasks that were revoked here, and the rules by which others are. */
  revoked(options?: AskOptions): Promise<Answers<RevokedFacts>> {
    return this.#look('revoked', options);
  }

  /** The names of the tasks that workers know. */
  registered(options?: AskOptions): Promise<Answers<readonly string[]>> {
    return this.#look('registered', options);
  }

  /** What workers count and use. */
  stats(options?: AskOptions): Promise<Answers<WorkerStats>> {
    return this.#look('stats', options);
  }

  /** The queues that workers take tasks from. */
  activeQueues(options?: AskOptions): Promise<Answers<readonly string[]>> {
    return this.#look('activeQueues', options);
  }

  /** The settings of workers and of their App, without the broker's password. */
  conf(options?: AskOptions): Promise<Answers<Readonly<Record<string, unknown>>>> {
    return this.#look('conf', options);
  }

  /** Which workers have these tasks, and whether they run: by the task's id. */
  queryTask(...ids: string[]): Promise<Answers<Readonly<Record<string, FoundTask>>>>;
  queryTask(
    ids: readonly string[],
    options?: AskOptions,
  ): Promise<Answers<Readonly<Record<string, FoundTask>>>>;
  queryTask(
    ...given: (string | readonly string[] | AskOptions | undefined)[]
  ): Promise<Answers<Readonly<Record<string, FoundTask>>>> {
    const [first, second] = given;
    if (!Array.isArray(first)) return this.#look('queryTask', undefined, { ids: given });
    return this.#look('queryTask', second as AskOptions | undefined, { ids: first });
  }

  /** Versions, the machine, and the App's settings. */
  report(options?: AskOptions): Promise<Answers<Readonly<Record<string, string>>>> {
    return this.#look('report', options);
  }

  /** How much memory workers use. */
  memory(options?: AskOptions): Promise<Answers<MemoryFacts>> {
    return this.#look('memory', options);
  }

  /**
   * The names of the workers that live, sorted, without asking them: also of one that is too busy to
   * answer, or was killed less than 10 seconds ago.
   *
   * @throws BrokerError when Redis does not answer
   */
  live(): Promise<readonly string[]> {
    return this.#broadcast.live();
  }

  async #look<T>(
    command: keyof typeof inspectCommands,
    options: AskOptions | undefined,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<Answers<T>> {
    const replies = await this.#broadcast.ask(command, args, checkAsk(command, options));
    return answersOf(replies, (value) => value as T);
  }
}

/** The replies as answers, by the worker's name. */
export function answersOf<T>(
  replies: Awaited<ReturnType<Broadcast['ask']>>,
  valueOf: (value: unknown) => T,
): Answers<T> {
  return Object.fromEntries(
    [...replies].map(([worker, { value, error }]) => [
      worker,
      error === undefined ? valueOf(value) : { error },
    ]),
  );
}
