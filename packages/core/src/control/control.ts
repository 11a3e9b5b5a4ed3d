/** Tells workers what to do. */
import { show } from '../config/setting.js';
import { type Duration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import type { Ask } from '../broker/ask.js';
import type { RevocationMark } from '../protocol/marks.js';
import { checkTerminate, type PlacedTask } from '../result/revocation.js';
import type { RateLimit } from '../task/options.js';
import type { Answers, ControlOk } from './answers.js';
import { type AskOptions, checkAsk, type CheckedAsk } from './audience.js';
import type { Broadcast, RequestKind } from './broadcast.js';
import { answersOf } from './inspect.js';
import {
  keepLimit,
  type LimitChange,
  rateChange,
  timeChange,
  type TimeLimits,
} from './limit-overrides.js';
import { headerSubjects, type Revocations } from './revocations.js';
import type { RuleSubject } from './revocation-rules.js';
import type { Turns } from './turns.js';

/** The commands that change something. */
export const controlCommands = {
  revoke: 'end tasks that wait, and ask those that run to end: ids',
  terminate: 'the same, and kill those that run: ids',
  revokeByHeaders: 'end the tasks with a value in a header, also later ones: name=value',
  revokeGroup: 'end the tasks of a group, also later ones: its id',
  revokeRoot: 'end a task and all that it has led to or will: its id',
  rateLimit: 'change how often a task may start: task, rate or none',
  timeLimit: 'change how long a task may run: task, soft, hard, or none',
  addConsumer: 'take tasks from one more queue: its name',
  cancelConsumer: 'take no more tasks from a queue: its name',
  poolGrow: 'run more tasks at a time: how many more (1)',
  poolShrink: 'run fewer tasks at a time: how many fewer (1)',
  poolRestart: 'replace the children of the pool',
  autoscale: 'let the pool grow and shrink by itself: max, min',
  enableEvents: 'tell of tasks by events',
  disableEvents: 'tell no more',
  heartbeat: 'send a heartbeat event now',
  shutdown: 'stop, when the tasks that run have ended',
} as const;

/** How tasks are revoked. */
export interface RevokeOptions extends AskOptions {
  /** Also kill the tasks that run, where the pool can. Else their `signal` fires. @default false */
  terminate?: boolean;
  /** Why: for whoever waits for it, the event and the log. */
  reason?: string;
}

/** How tasks are revoked that may not be there yet. */
export interface RevokeByOptions extends Omit<RevokeOptions, 'reason'> {
  /** How long tasks that are sent later fall under it as well. @default '1d' */
  expires?: Duration;
}

/** What a revocation did. */
export interface Revocation {
  /** How many tasks were taken out of their queues, or not sent yet; they have ended as `REVOKED`. */
  readonly removed: number;
  /** How many run and are marked; also a worker that takes one over, or retries it, sees that. */
  readonly running: number;
  /** What the workers that were told of it say, by their names. */
  readonly workers: Answers<ControlOk>;
}

/** What Control needs of its App. */
export interface ControlPlace {
  readonly broadcast: Broadcast;
  readonly revocations: Revocations;
  readonly turns: Turns;
  readonly ask: Ask;
  readonly prefix: string;
}

/** How long a rule holds without saying so. */
const aDay = 24 * 3_600_000;

/**
 * Tells the live workers what to do: `app.control`. Each method gives an object with `{ ok }` or
 * `{ error }` by the worker's name, `{}` where none lives. What it takes and when it resolves is as
 * with `app.inspect`.
 *
 * @example
 * ```ts
 * await app.control.addConsumer('mail', { pattern: 'mail-*' });
 * await app.control.rateLimit('mail.send', '100/m');
 * ```
 */
export class Control {
  readonly #place: ControlPlace;

  /** @internal */
  constructor(place: ControlPlace) {
    this.#place = place;
  }

  /**
   * Ends tasks by their ids. Those that wait leave their queues at once and end as `REVOKED`, and so
   * do steps of a canvas that are not sent yet; no worker is needed for that. Those that run are
   * marked, and the workers that run them are told: their `signal` fires, or they are killed. Nothing
   * becomes of ids that are nowhere, nor of none.
   *
   * @throws ConfigError for wrong options, BrokerError when Redis does not answer
   */
  async revoke(ids: string | readonly string[], options: RevokeOptions = {}): Promise<Revocation> {
    const asked = checkAsk('revoke', options, ['terminate', 'reason']);
    const { terminate = false, reason } = options;
    checkTerminate(terminate);
    if (reason !== undefined && typeof reason !== 'string')
      throw new ConfigError(`reason must be a text, got ${show(reason)}`);
    const list = checkIds(ids);
    const mark = { ...(terminate && { terminate }), ...(reason !== undefined && { reason }) };
    const tasks = list.map((id) => ({ id }));
    const { removed, marked, waiting } = await this.#place.revocations.revoke(tasks, mark);
    return this.#tellRunning(removed.length + waiting.length, marked, mark, asked);
  }

  async #tellRunning(
    removed: number,
    marked: readonly PlacedTask[],
    mark: RevocationMark,
    asked: CheckedAsk,
  ): Promise<Revocation> {
    if (marked.length === 0) return { removed, running: 0, workers: {} };
    const ids = [...new Set(marked.map(({ id }) => id))];
    const workers = await this.#send('revoke', { ids, ...mark }, asked, { lasting: true });
    const late = await this.#place.revocations.revokeLate(marked, mark);
    return { removed: removed + late, running: marked.length - late, workers };
  }

  /** `revoke`, and kills those that run. */
  terminate(
    ids: string | readonly string[],
    options: Omit<RevokeOptions, 'terminate'> = {},
  ): Promise<Revocation> {
    return this.revoke(ids, { ...options, terminate: true });
  }

  /**
   * Ends tasks with a value in one of the headers: those that wait, that run, and that are sent
   * within `expires`. A list means any of its values; a header that is a list has any of its own.
   *
   * @throws ConfigError for wrong headers or options, before anything is stored
   * @example
   * ```ts
   * await app.control.revokeByHeaders({ tenant: ['acme', 'umbrella'] });
   * ```
   */
  revokeByHeaders(
    headers: Readonly<Record<string, unknown>>,
    options?: RevokeByOptions,
  ): Promise<Revocation> {
    return this.#revokeBy('revokeByHeaders', () => headerSubjects(headers), options);
  }

  /** Ends the tasks of a group, by the id of its `GroupResult`: also those that are not sent yet. */
  revokeGroup(id: string, options?: RevokeByOptions): Promise<Revocation> {
    return this.#revokeBy('revokeGroup', () => checkIds(id).map((group) => ({ group })), options);
  }

  /** Ends a task, all that it has called and all that follows it, by its id. */
  revokeRoot(id: string, options?: RevokeByOptions): Promise<Revocation> {
    return this.#revokeBy('revokeRoot', () => checkIds(id).map((root) => ({ root })), options);
  }

  async #revokeBy(
    command: string,
    subjectsOf: () => readonly RuleSubject[],
    options: RevokeByOptions = {},
  ): Promise<Revocation> {
    const asked = checkAsk(command, options, ['terminate', 'expires']);
    const { terminate = false, expires = aDay } = options;
    checkTerminate(terminate);
    const keep = toMilliseconds(expires, 'expires');
    if (keep < 1)
      throw new ConfigError(`expires must be longer than nothing, got ${show(expires)}`);
    const { revocations, broadcast } = this.#place;
    const subjects = subjectsOf();
    await revocations.addRules(subjects, terminate, keep);
    // Workers that do not know of it would run many while a long queue is searched. What runs ends
    // behind that: the places that become free would be taken by tasks that are about to be removed.
    const [removed] = await Promise.all([
      revocations.sweep(subjects),
      broadcast.ask('rules', { running: false }, asked, { lasting: true }),
    ]);
    const replies = await broadcast.ask('rules', {}, asked, { lasting: true });
    let running = 0;
    for (const { value } of replies.values()) {
      const { ended } = (value ?? {}) as { ended?: unknown };
      if (Array.isArray(ended)) running += ended.length;
    }
    const workers = answersOf(replies, (value) => ({
      ok: (value as { said: string }).said,
    }));
    return { removed, running, workers };
  }

  /**
   * Changes how often a task may start, until it is changed again; `null` goes back to what the
   * task declares. Workers that start later have it too. Calls that wait for their turn by the rate
   * before ask for a new one.
   *
   * @throws ConfigError when it is not a rate or an option is wrong, before anything is stored
   */
  async rateLimit(
    task: string,
    rate: RateLimit | null,
    options?: AskOptions,
  ): Promise<Answers<ControlOk>> {
    const answers = await this.#change('rateLimit', () => rateChange(task, rate), options);
    await this.#place.turns.recall(task);
    return answers;
  }

  /**
   * Changes how long a task may run, until it is changed again; `null` goes back to what the task
   * declares. Workers that start later have it too.
   *
   * @throws ConfigError when they are not durations or an option is wrong, before anything is stored
   * @example
   * ```ts
   * await app.control.timeLimit('report.render', { soft: '50s', hard: '60s' });
   * ```
   */
  timeLimit(
    task: string,
    limits: TimeLimits | null,
    options?: AskOptions,
  ): Promise<Answers<ControlOk>> {
    return this.#change('timeLimit', () => timeChange(task, limits), options);
  }

  async #change(
    command: string,
    check: () => LimitChange,
    options: AskOptions | undefined,
  ): Promise<Answers<ControlOk>> {
    const asked = checkAsk(command, options);
    const change = check();
    const { ask, prefix } = this.#place;
    await ask(`the limits of task ${change.task} were not changed`, (connection) =>
      keepLimit(connection, prefix, change),
    );
    return this.#send(command, { task: change.task }, asked, { lasting: true });
  }

  /** Has workers take tasks from one more queue, until they end. */
  addConsumer(queue: string, options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('addConsumer', { queue }, options);
  }

  /** Has workers take no more tasks from a queue, until they end. Running tasks go on. */
  cancelConsumer(queue: string, options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('cancelConsumer', { queue }, options);
  }

  /** Has workers run more tasks at a time. */
  poolGrow(count = 1, options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('poolGrow', { count }, options);
  }

  /** Has workers run fewer tasks at a time. */
  poolShrink(count = 1, options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('poolShrink', { count }, options);
  }

  /** Has workers replace the children of their pools. */
  poolRestart(options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('poolRestart', {}, options);
  }

  /** Has the pools of workers grow to `max` with their backlog and shrink to `min` without. */
  autoscale(max: number, min = 0, options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('autoscale', { max, min }, options);
  }

  /** Has workers tell of their tasks by events. */
  enableEvents(options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('enableEvents', {}, options);
  }

  /** Has workers tell no more. */
  disableEvents(options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('disableEvents', {}, options);
  }

  /** Has workers send a heartbeat event now. */
  heartbeat(options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('heartbeat', {}, options);
  }

  /** Has workers stop when the tasks that run have ended, as at a first SIGTERM. */
  shutdown(options?: AskOptions): Promise<Answers<ControlOk>> {
    return this.#tell('shutdown', {}, options);
  }

  /**
   * Asks workers for a command of your own, which `app.controlCommand` has registered there.
   *
   * @param args what the command gets: plain JSON
   */
  broadcast(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    options?: AskOptions,
  ): Promise<Answers<ControlOk<unknown>>> {
    return this.#tell(command, args, options);
  }

  async #tell<T = string>(
    command: string,
    args: Readonly<Record<string, unknown>>,
    options?: AskOptions,
  ): Promise<Answers<ControlOk<T>>> {
    return this.#send(command, args, checkAsk(command, options));
  }

  async #send<T = string>(
    command: string,
    args: Readonly<Record<string, unknown>>,
    asked: CheckedAsk,
    kind?: RequestKind,
  ): Promise<Answers<ControlOk<T>>> {
    const replies = await this.#place.broadcast.ask(command, args, asked, kind);
    return answersOf(replies, (value) => ({ ok: value as T }));
  }
}

function checkIds(ids: string | readonly string[]): readonly string[] {
  const list: readonly unknown[] = Array.isArray(ids) ? (ids as unknown[]) : [ids];
  if (list.every((id) => typeof id === 'string' && id !== '')) return list as string[];
  throw new ConfigError(`a task's id, or an array of ids, is needed, got ${show(ids)}`);
}
