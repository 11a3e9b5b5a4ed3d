/** The App: where tasks are registered, sent from, and asked for their results. */
import { randomUUID } from 'node:crypto';
import { Broker } from '../broker/broker.js';
import type { AnyCanvas, Canvas } from '../canvas/canvas.js';
import { makeSignature } from '../canvas/compose.js';
import type { Follows, OutputOf } from '../canvas/fit.js';
import type { CanvasJson } from '../canvas/json.js';
import { type AppConfig, refuseUnknown, resolveSettings } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { appSettings } from '../config/settings.js';
import type { Duration } from '../duration.js';
import { BrokerError, ConfigError } from '../errors.js';
import type { Call } from '../protocol/message.js';
import { AsyncResult, type ResultSource, type SentCall } from '../result/async-result.js';
import type { GroupResult } from '../result/group-result.js';
import { Ledger } from '../result/ledger.js';
import { Mailbox } from '../result/mailbox.js';
import { revokeTasks } from '../result/revocation.js';
import { attempt, Sent } from '../result/sent.js';
import { type CallSettings, checkCallOptions, freezeCall } from '../task/call.js';
import { findCurrentTask } from '../task/context.js';
import type { TaskDecorator } from '../task/decorator.js';
import { checkName, type Definition, type TaskFunction } from '../task/definition.js';
import type { CallOptions, TaskOptions } from '../task/options.js';
import { checkCall, inside, type Sender, type Task, type TaskArguments } from '../task/task.js';
import { declareTask } from './declare.js';
import { runCanvasEagerly } from './eager-canvas.js';
import { Failed } from './failed/failed.js';
import { findDefinition } from './find-definition.js';
import { loadIncluded } from './include.js';
import { Canvases } from './canvases.js';
import { Queues } from './queues.js';
import { type Registrable, Registry } from './registry.js';
import { type RemoteTasks, remoteTasks } from './remote-tasks.js';

/** The options of an App. Each may also come from the environment; see the configuration reference. */
export interface AppOptions {
  /**
   * Address of the Redis or Valkey server: `redis://[user:password@]host:port/db`, `rediss://`.
   * @default DTASK_BROKER_URL, else 'redis://127.0.0.1:6379/0'
   */
  broker?: string;
  /** First part of every key in Redis. @default 'dtask' */
  prefix?: string;
  /** Queue of the tasks and calls that name none. @default 'default' */
  defaultQueue?: string;
  /** How long a call waits for Redis to take its message. @default '10s' */
  sendTimeout?: Duration;
  /** How long a result is kept; 0 keeps it for ever. @default '1d' */
  resultExpires?: Duration;
  /** Largest message and largest result, in bytes of JSON. @default 1048576 */
  maxPayload?: number;
  /** Whether calls and runs make spans of OpenTelemetry. @default false */
  tracing?: boolean;
  /**
   * Modules that hold tasks, as paths or glob patterns from the folder of the app's own module.
   * A worker loads them when it starts.
   */
  include?: readonly string[];
  /** Tasks, classes and instances to register at once. */
  tasks?: readonly Registrable[];
}

/**
 * An application: a name, a broker, and its tasks.
 *
 * It connects when it is first used. Its connections keep no process alive; `close()` ends them.
 *
 * @example
 * ```ts
 * export const app = new App('shop', { broker: 'redis://127.0.0.1:6379/0' });
 * export const add = app.task('math.add', (x: number, y: number) => x + y);
 * ```
 */
export class App implements AsyncDisposable {
  /** The App's name, for people: it shows in logs and in workers' names. */
  readonly name: string;
  /** The checked settings. */
  readonly config: AppConfig;
  /** Modules that a worker loads when it starts. */
  readonly include: readonly string[];
  /** Looks into queues and empties them. */
  readonly queues: Queues;
  /** The tasks that have failed: to look at, to retry, to drop. */
  readonly failed: Failed;
  readonly #broker: Broker;
  readonly #registry: Registry;
  readonly #results: ResultSource;
  readonly #sender: Sender;
  readonly #canvases: Canvases;

  /**
   * @throws ConfigError when an option is unknown or of the wrong kind
   * @throws RegistryError when two of `tasks` have one name
   */
  constructor(name: string, options: AppOptions = {}) {
    checkAppName(name);
    const { include = [], tasks = [], ...settings } = options;
    refuseUnknown(settings, Object.keys(appSettings), `app ${name}`);
    this.name = name;
    this.config = resolveSettings(appSettings, settings, process.env);
    this.include = checkInclude(include);
    const broker = new Broker(this.config);
    this.#broker = broker;
    this.queues = new Queues(broker, this.config, (message, outcome) =>
      this.#canvases.flow.ended(message, outcome),
    );
    const { prefix } = this.config;
    this.failed = new Failed(broker, prefix, this.queues, () => this.#canvases.flow);
    const ledger = new Ledger((what, commands) => broker.ask(what, commands), prefix);
    const mailbox = new Mailbox(() => broker.open(), prefix, ledger);
    const place = { prefix, caller: mailbox.caller, keep: this.config.resultExpires };
    this.#results = {
      ledger,
      mailbox,
      revoke: (id, queue) => this.queues.revoke(id, queue),
      revokeAll: async (canvas) => {
        // First what was sent and waits, so that no worker takes it; then what was not sent yet.
        const removed = await this.queues.remove(canvas);
        const ended = await broker.ask('a canvas was not revoked', (connection) =>
          revokeTasks(connection, canvas, place),
        );
        return removed + ended;
      },
    };
    this.#canvases = new Canvases({
      config: this.config,
      broker,
      results: this.#results,
      calls: (task) => {
        const known = this.#registry.find(task);
        return known ? inside(known).definition.calls : {};
      },
    });
    this.#sender = {
      maxPayload: this.config.maxPayload,
      applyCanvas: (node, taskArgs) =>
        runCanvasEagerly(node, taskArgs, {
          definition: (task, all) =>
            findDefinition(this.#registry, { name: task, args: all }) ??
            inside(this.#registry.get(task)).definition,
          maxPayload: this.config.maxPayload,
        }),
      sendCanvas: (node, taskArgs, call) =>
        this.#canvases.send(node, taskArgs, call) as Sent<unknown>,
      send: (definition, taskName, args, call) => this.#call(definition, taskName, args, call),
    };
    this.#registry = new Registry(name, this.#sender);
    for (const item of tasks) this.#registry.register(item);
  }

  /** Marks a method as a task: `@app.task()`, `@app.task({ name: 'math.square' })`. */
  task(options?: TaskOptions): TaskDecorator;
  /**
   * Makes a task of a function, under a name.
   * @throws ConfigError when an option or the name is wrong, RegistryError when the name is taken
   */
  task<F extends TaskFunction>(
    name: string,
    fn: F,
    options?: TaskOptions<TaskArguments<F>>,
  ): Task<F>;
  /** Makes a task of a function, under the function's own name. */
  task<F extends TaskFunction>(fn: F, options?: TaskOptions<TaskArguments<F>>): Task<F>;
  task(first?: unknown, second?: unknown, third?: unknown): unknown {
    return declareTask([first, second, third], (task) => this.#registry.declare(task));
  }

  /**
   * Registers tasks, classes with marked methods, or instances of such classes.
   *
   * Of a class, static methods run on the class, and others on one instance that is made when the
   * first of them runs. Of an instance, methods run on that instance.
   *
   * @throws RegistryError when an item has no tasks, or a name is taken
   */
  register(...items: Registrable[]): this {
    for (const item of items) this.#registry.register(item);
    return this;
  }

  /** The registered tasks. */
  get tasks(): Registry {
    return this.#registry;
  }

  /**
   * Calls a task by its name, without its code.
   *
   * @throws (rejects) what `delay` rejects with, but for the checks of arguments, which only the
   * worker can make
   * @example
   * ```ts
   * await app.sendTask<number>('math.add', [1, 2], { queue: 'math' }).get();
   * ```
   */
  sendTask<R = unknown>(
    name: string,
    args: readonly unknown[] = [],
    options?: CallOptions,
  ): Sent<R> {
    return attempt(() => {
      checkName(name);
      if (!Array.isArray(args))
        throw new ConfigError(`sendTask takes the arguments as an array, got ${show(args)}`);
      return this.#send(name, args, {}, checkCallOptions(options)) as Sent<R>;
    });
  }

  /**
   * Gives the tasks of a class by its type alone, so that a producer loads none of their code. Their
   * names are the prefix, a dot, and the method's name. As with `sendTask`, only the worker can
   * check the arguments at run time; TypeScript checks them here.
   *
   * @example
   * ```ts
   * import type { MathTasks } from './tasks/math.js';
   *
   * const math = app.tasksOf<typeof MathTasks>('math');
   * await math.square.delay(5).get(); // sends math.square
   * ```
   */
  tasksOf<C>(prefix: string): RemoteTasks<C> {
    checkName(prefix);
    return remoteTasks<C>(prefix, (name, args, options) => this.sendTask(name, args, options));
  }

  /**
   * A call of a task by its name, or a canvas from its JSON, to be sent by this App.
   *
   * @throws ConfigError when the name or the JSON is not one
   * @example
   * ```ts
   * await chain(app.signature('math.add', [1, 2]), app.signature('math.double')).delay().get();
   * ```
   */
  signature<In extends readonly unknown[] = readonly unknown[], Out = unknown>(
    from: string | CanvasJson,
    args: readonly unknown[] = [],
    options?: CallOptions,
  ): Canvas<In, Out> {
    return makeSignature(from, args, options, () => this.#sender);
  }

  /**
   * Sends a group of a generator, a few hundred parts on their way at a time, as it produces them.
   *
   * @returns at once; its promise resolves when the generator has ended and Redis has all
   * @example
   * ```ts
   * const results = await app.group(lines(file).map((line) => parse.s(line)));
   * ```
   */
  group<C extends AnyCanvas>(
    source: AsyncIterable<C> | Iterable<C>,
    options?: CallOptions,
  ): Sent<OutputOf<C>[], GroupResult<OutputOf<C>[]>> {
    return attempt(
      () => this.#canvases.sendEach(source, undefined, checkCallOptions(options)) as never,
    );
  }

  /**
   * Sends a chord whose header a generator produces: `group`, and a body for its values.
   *
   * @example
   * ```ts
   * const total = await app.chord(sizes(folder), sum.s()).get();
   * ```
   */
  chord<C extends AnyCanvas, B extends AnyCanvas>(
    source: AsyncIterable<C> | Iterable<C>,
    body: B & Follows<OutputOf<C>[], B>,
    options?: CallOptions,
  ): Sent<OutputOf<B>> {
    return attempt(
      () => this.#canvases.sendEach(source, body as B, checkCallOptions(options)) as never,
    );
  }

  /**
   * The results of a group that another process has saved: `GroupResult.save()`.
   *
   * @throws (rejects) ConfigError when there is none under the id
   */
  groupResult(id: string): Promise<GroupResult> {
    return this.#canvases.restore(id);
  }

  /** The result of any task, from its id. */
  result<T = unknown>(id: string): AsyncResult<T> {
    if (typeof id !== 'string' || id === '')
      throw new ConfigError(`result() takes a task's id, got ${show(id)}`);
    return new AsyncResult<T>(id, this.#results);
  }

  /**
   * Loads the modules of `include` and registers what they export.
   *
   * @param root folder that the patterns start from
   * @throws StartupError when a pattern matches nothing or a module fails to load
   */
  async load(root: string = process.cwd()): Promise<void> {
    await loadIncluded(this.include, root, (exported) => this.#registry.registerExports(exported));
  }

  /** The canvases, for a worker. @internal */
  get canvases(): Canvases {
    return this.#canvases;
  }

  /** Whether `close()` was called: nothing can be sent any more. */
  get closed(): boolean {
    return this.#broker.closed;
  }

  /** Ends the connections, and has spans exported. Waiting `get()`s are rejected. */
  async close(): Promise<void> {
    await this.#results.mailbox.close(new BrokerError('the App was closed while get() waited'));
    await this.#broker.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call(
    definition: Definition,
    name: string,
    args: readonly unknown[],
    call: CallSettings,
  ): Sent<unknown> {
    const checked = checkCall(definition, name, args);
    // What was given is sent, not what it parsed to: the worker parses it, and a transform runs once.
    const given = checked instanceof Promise ? checked.then(() => args) : args;
    return this.#send(name, given, definition.calls, call);
  }

  #send(
    name: string,
    args: readonly unknown[] | Promise<readonly unknown[]>,
    task: CallSettings,
    call: CallSettings,
  ): Sent<unknown> {
    const parent = findCurrentTask();
    const frozen = freezeCall(name, args instanceof Promise ? [] : args, task, call, {
      now: Date.now(),
      newId: randomUUID,
      reply: this.#results.mailbox.caller,
      defaultQueue: this.config.defaultQueue,
      root: parent?.rootId,
      parent: parent?.id,
    });
    const { id, ignoreResult = false } = frozen.message;
    parent?.spawned?.(id);
    const sent: SentCall = {
      queue: undefined,
      ignoreResult,
      epoch: this.#results.mailbox.epoch,
      sending: this.#store(frozen, args, () => {
        sent.queue = frozen.queue;
      }),
    };
    return new Sent(new AsyncResult(id, this.#results, sent), sent.sending);
  }

  #store(
    call: Call,
    args: readonly unknown[] | Promise<readonly unknown[]>,
    onStored: () => void,
  ): Promise<unknown> {
    if (!(args instanceof Promise)) return this.#broker.send(call, onStored);
    return args.then((checked) =>
      this.#broker.send({ ...call, message: { ...call.message, args: checked } }, onStored),
    );
  }
}

function checkAppName(name: unknown): asserts name is string {
  if (typeof name === 'string' && /^[\w.@-]{1,64}$/.test(name)) return;
  throw new ConfigError(
    `an App's name must be 1 to 64 letters, digits and any of . _ @ -, got ${show(name)}`,
  );
}

function checkInclude(include: unknown): readonly string[] {
  if (
    Array.isArray(include) &&
    include.every((pattern) => typeof pattern === 'string' && pattern !== '')
  ) {
    return Object.freeze([...(include as string[])]);
  }
  throw new ConfigError(`include must be an array of paths or patterns, got ${show(include)}`);
}
