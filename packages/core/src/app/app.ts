/** The App: where tasks are registered, sent from, and asked for their results. */
import type { BeatEntries } from '../beat/beat-entries.js';
import type { Deck } from '../beat/deck.js';
import type { AnyBeatEntry, BeatTask, PeriodicTaskOptions } from '../beat/entry.js';
import type { AnyCanvas, Canvas } from '../canvas/canvas.js';
import { makeSignature } from '../canvas/compose.js';
import type { CompleteSource, Follows, OutputOf } from '../canvas/fit.js';
import type { CanvasJson } from '../canvas/json.js';
import { type AppConfig, refuseUnknown, resolveApp } from '../config/resolve.js';
import { show } from '../config/setting.js';
import type { Control } from '../control/control.js';
import type { ControlCommand } from '../control/custom-commands.js';
import type { Inspect } from '../control/inspect.js';
import { ConfigError } from '../errors.js';
import type { EventOf, EventType } from '../events/event.js';
import type { EventsOptions } from '../events/event-filter.js';
import type { HookHandler, HookName } from '../hooks/events.js';
import { Hooks } from '../hooks/hooks.js';
import type { Middleware } from '../hooks/middleware.js';
import { AsyncResult } from '../result/async-result.js';
import type { GroupResult } from '../result/group-result.js';
import { attempt, type Sent } from '../result/sent.js';
import { Routes } from '../routing/routes.js';
import type { Schedule } from '../schedule/schedule.js';
import { checkCallOptions } from '../task/call.js';
import type { DeclareTask } from '../task/declaration.js';
import { checkName } from '../task/definition.js';
import type { CallOptions } from '../task/options.js';
import type { Canvases } from './canvases.js';
import type { ControlPlane } from './control-plane.js';
import { declareTask } from './declare.js';
import type { Failed } from './failed/failed.js';
import { loadIncluded } from './include.js';
import type { MapReduce } from './map-reduce.js';
import {
  type AppOptions,
  appOptionKeys,
  checkAppName,
  checkBroadcast,
  checkInclude,
} from './options.js';
import { defaultName, PeriodicTasks } from './periodic-tasks.js';
import type { Queues } from './queues.js';
import { type Registrable, Registry } from './registry.js';
import { type RemoteTasks, remoteTasks } from './remote-tasks.js';
import type { Ticks } from './ticks.js';
import { wire, type Wiring } from './wiring.js';

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
  /** Queues of which each worker gets every message. */
  readonly broadcast: readonly string[];
  /** The handlers and the middleware. @internal */
  readonly hooks = new Hooks();
  /** The routes. @internal */
  readonly routes: Routes | undefined;
  /** Runs a task on each item, and makes one value of all of theirs. */
  readonly mapReduce: MapReduce;
  /** Looks into queues and empties them. */
  readonly queues: Queues;
  /** The tasks that have failed: to look at, to retry, to drop. */
  readonly failed: Failed;
  /** Looks into the live workers: what runs, what they know, whether they answer. */
  readonly inspect: Inspect;
  /** Tells the live workers what to do, and ends tasks. */
  readonly control: Control;
  /** What a worker needs to be controlled. @internal */
  readonly plane: ControlPlane;
  /** The periodic tasks: to list, to change, to pause, to run. */
  readonly beat: BeatEntries;
  /** Makes tasks: of a function under a name, of a function, or by marking a method. */
  readonly task: DeclareTask = (...given: unknown[]) =>
    declareTask(given, (task) => this.#registry.declare(task)) as never;
  readonly #periodic: PeriodicTasks;
  readonly #registry: Registry;
  readonly #parts: Wiring;

  /**
   * @throws ConfigError when an option is unknown or of the wrong kind
   * @throws RegistryError when two of `tasks` have one name
   */
  constructor(name: string, options: AppOptions = {}) {
    checkAppName(name);
    const { include = [], tasks = [], routes, broadcast = [], beat = {}, ...settings } = options;
    refuseUnknown(settings, appOptionKeys, `app ${name}`);
    this.name = name;
    this.config = resolveApp(settings, process.env);
    this.include = checkInclude(include);
    this.broadcast = checkBroadcast(broadcast);
    this.routes = routes === undefined ? undefined : new Routes(routes);
    const registry = (): Registry => this.#registry;
    const { config, hooks, routes: checked } = this;
    const periodic = (this.#periodic = new PeriodicTasks(name));
    const known = { name, config, hooks, routes: checked, broadcast: this.broadcast };
    const parts = wire({ ...known, registry, periodic });
    ({ queues: this.queues, failed: this.failed, plane: this.plane, beat: this.beat } = parts);
    ({ inspect: this.inspect, control: this.control } = this.plane);
    this.mapReduce = parts.mapReduce;
    this.#parts = parts;
    this.#registry = new Registry(name, parts.sender);
    for (const [entry, what] of Object.entries(beat)) periodic.add(entry, what);
    for (const item of tasks) this.#registry.register(item);
  }

  /**
   * Registers tasks, classes with marked methods, or instances of such classes.
   *
   * Of a class, static methods run on the class, and others on one instance that is made when the
   * first of them runs. Of an instance, methods run on that instance. It comes before a class.
   *
   * @throws RegistryError when an item has no tasks, a name is taken, or a method has another object
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
      return this.#parts.outbox.send(
        name,
        args,
        undefined,
        {},
        checkCallOptions(options),
      ) as Sent<R>;
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
    return makeSignature(from, args, options, () => this.#parts.sender);
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
    source: (AsyncIterable<C> | Iterable<C>) & CompleteSource<C>,
    options?: CallOptions,
  ): Sent<OutputOf<C>[], GroupResult<OutputOf<C>[]>> {
    return attempt(
      () => this.#parts.canvases.sendEach(source, undefined, checkCallOptions(options)) as never,
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
    source: (AsyncIterable<C> | Iterable<C>) & CompleteSource<C>,
    body: B & Follows<OutputOf<C>[], B>,
    options?: CallOptions,
  ): Sent<OutputOf<B>> {
    return attempt(
      () => this.#parts.canvases.sendEach(source, body as B, checkCallOptions(options)) as never,
    );
  }

  /**
   * The results of a group that another process has saved: `GroupResult.save()`.
   *
   * @throws (rejects) ConfigError when there is none under the id
   */
  groupResult(id: string): Promise<GroupResult> {
    return this.#parts.canvases.restore(id);
  }

  /** The result of any task, from its id. */
  result<T = unknown>(id: string): AsyncResult<T> {
    if (typeof id !== 'string' || id === '')
      throw new ConfigError(`result() takes a task's id, got ${show(id)}`);
    return new AsyncResult<T>(id, this.#parts.results);
  }

  /**
   * Loads the modules of `include` and registers what they export.
   *
   * @param root folder that the patterns start from
   * @throws StartupError when a pattern matches nothing or a module fails to load
   */
  async load(root: string = process.cwd()): Promise<void> {
    await loadIncluded(this.include, root, this.#registry);
  }

  /**
   * Adds middleware, behind what was added before.
   *
   * @throws ConfigError when it is none
   * @example
   * ```ts
   * app.use({ publish: (call, next) => ((call.headers['trace'] = newTraceId()), next()) });
   * ```
   */
  use(middleware: Middleware): this {
    this.hooks.use(middleware);
    return this;
  }

  /**
   * Adds a command that `app.control.broadcast(name, args)` has workers carry out which load this App.
   *
   * @throws ConfigError for a wrong name, RegistryError when it is taken
   * @example
   * ```ts
   * app.controlCommand('flushCache', ({ part }) => cache.flush(part));
   * ```
   */
  controlCommand(name: string, command: ControlCommand): this {
    this.plane.commands.add(name, command);
    return this;
  }

  /**
   * Has a function called when something happens: `HookEvents` says what, and which are awaited.
   * Handlers of one hook run in the order in which they were added; what they throw is logged.
   *
   * @returns a function that ends it
   * @throws ConfigError when there is no hook of the name
   * @example
   * ```ts
   * app.on('taskFailure', ({ context, error }) => report(context.name, error));
   * ```
   */
  on<E extends HookName>(name: E, handler: HookHandler<E>): () => void {
    return this.hooks.on(name, handler);
  }

  /**
   * What happens to tasks and workers, as it is told, until the loop is left, `signal` is aborted or
   * the App is closed. Workers tell when they have `events` on; see the guide to events.
   *
   * @throws ConfigError for wrong options; while it is read, BrokerError when Redis does not answer
   * within `sendTimeout` to begin with. When Redis goes away later, it waits.
   * @example
   * ```ts
   * for await (const event of app.events({ types: ['task-failed'] })) console.log(event.error);
   * ```
   */
  events<T extends EventType = EventType>(
    options?: EventsOptions<T>,
  ): AsyncGenerator<EventOf<T>, void, undefined> {
    return this.plane.events(options) as AsyncGenerator<EventOf<T>, void, undefined>;
  }

  /**
   * Adds a periodic task to the code's own, as the option `beat` does. For one that is to stay in
   * Redis, whatever the code says, take `app.beat.add`.
   *
   * @param name of the entry @default the task's name
   * @throws ConfigError for a wrong schedule or option, RegistryError when the name is taken
   * @example
   * ```ts
   * app.addPeriodicTask(every('30s'), ping.s('example.org'));
   * app.addPeriodicTask(crontab({ hour: 7 }), report.s(), { name: 'morning', overlap: 'skip' });
   * ```
   */
  addPeriodicTask<T extends BeatTask>(
    when: Schedule,
    task: T,
    ...[options]: PeriodicTaskOptions<T>
  ): this {
    const { name, ...rest } = options ?? {};
    const entry = { ...rest, task, schedule: when } as AnyBeatEntry;
    this.#periodic.add(name ?? defaultName(entry.task), entry);
    return this;
  }

  /** The periodic tasks of the code, for a beat. @internal */
  get deck(): Deck {
    return this.#periodic.deck(this.#registry, this.config.timezone);
  }

  /** What a beat sends with. @internal */
  get ticks(): Ticks {
    return this.#parts.ticks;
  }

  /** What a worker needs to carry canvases on. @internal */
  get canvases(): Canvases {
    return this.#parts.canvases;
  }

  /** Whether `close()` was called: nothing can be sent any more. */
  get closed(): boolean {
    return this.plane.closed;
  }

  /**
   * Ends the connections, and has spans exported. Waiting `get()`s are rejected. Workers and beats of this
   * process that run on it are told to stop, and not waited for: stop them first.
   */
  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
