/** The hooks and the middleware of an App. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { inOwnContext } from '../own-context.js';
import { failureOf } from '../result/failure.js';
import { type HookEvents, type HookHandler, hookNames, type HookName } from './events.js';
import { checkMiddleware, type Middleware } from './middleware.js';

/** Hears of a hook that threw. */
export type HookReport = (hook: string, error: unknown) => void;

type Handlers = { [E in HookName]?: readonly HookHandler<E>[] };

/** Registered code, in order. Where there is none, nothing is done and no promise is made. */
export class Hooks {
  #handlers: Handlers = {};
  #middleware: readonly Middleware[] = [];
  #report: HookReport = (hook, error) => console.error(`the hook ${hook} threw:`, error);
  /** Whether sending is anybody's business. */
  touchesCalls = false;
  /** Whether the start or the course of a run is anybody's business. */
  touchesRuns = false;
  /** Whether the end of a run is anybody's business. */
  touchesEnds = false;

  /** @throws ConfigError when it is no middleware */
  use(middleware: Middleware): void {
    this.#middleware = [...this.#middleware, checkMiddleware(middleware)];
    this.#look();
  }

  /**
   * Adds a handler; gives the function that takes it away.
   *
   * @throws ConfigError when there is no such hook, or the handler is no function
   */
  on<E extends HookName>(name: E, handler: HookHandler<E>): () => void {
    refuseUnknown({ [name]: handler }, hookNames, 'app.on()');
    if (typeof handler !== 'function')
      throw new ConfigError(`app.on(${show(name)}) takes a function, got ${show(handler)}`);
    // Of its own: the same function may be registered twice, and each is taken away by itself.
    const call: HookHandler<E> = (payload) => handler(payload);
    const own = isWithin(name) ? call : inOwnContext(call);
    this.#set(name, [...(this.#of(name) ?? []), own]);
    return () => this.#set(name, this.#of(name)?.filter((one) => one !== own) ?? []);
  }

  #of<E extends HookName>(name: E): readonly HookHandler<E>[] | undefined {
    return this.#handlers[name] as readonly HookHandler<E>[] | undefined;
  }

  #set<E extends HookName>(name: E, handlers: readonly HookHandler<E>[]): void {
    const { [name]: _before, ...others } = this.#handlers;
    this.#handlers = (handlers.length > 0 ? { ...others, [name]: handlers } : others) as Handlers;
    this.#look();
  }

  /** Kept as flags, because every call and every run asks. */
  #look(): void {
    const published = this.#middleware.some((one) => one.publish !== undefined);
    const run = this.#middleware.some((one) => one.run !== undefined);
    this.touchesCalls = published || this.has('beforePublish') || this.has('afterPublish');
    this.touchesRuns = run || this.has('taskPrerun');
    this.touchesEnds = endings.some((name) => this.has(name));
  }

  /** Whether anybody listens. */
  has(name: HookName): boolean {
    return name in this.#handlers;
  }

  /** Who hears of hooks that throw. @default console.error */
  reportTo(report: HookReport): void {
    this.#report = report;
  }

  get middleware(): readonly Middleware[] {
    return this.#middleware;
  }

  /**
   * Calls the handlers of a hook, one after another, each when the one before is done; nothing where
   * there is none. What they throw is reported, so the promise is never rejected.
   */
  emit<E extends HookName>(name: E, payload: HookEvents[E]): Promise<void> | undefined {
    const handlers = this.#of(name);
    return handlers && this.#call(name, handlers, payload);
  }

  async #call<E extends HookName>(
    name: E,
    handlers: readonly HookHandler<E>[],
    payload: HookEvents[E],
  ): Promise<void> {
    for (const handler of handlers) await this.guard(name, () => handler(payload));
  }

  /** Calls a hook of a task's own. */
  async guard(hook: string, body: () => unknown): Promise<void> {
    try {
      await body();
    } catch (error) {
      this.#tell(hook, error);
    }
  }

  /** What was thrown may throw again when it is printed. */
  #tell(hook: string, error: unknown): void {
    try {
      this.#report(hook, error);
    } catch {
      this.#report(hook, failureOf(error));
    }
  }
}

/** Hooks of a call or of a run belong to its context, as the middleware around it does. */
const isWithin = (name: HookName): boolean =>
  name === 'beforePublish' ||
  name === 'afterPublish' ||
  name === 'taskPrerun' ||
  endings.includes(name);

const endings: readonly HookName[] = [
  'taskSuccess',
  'taskFailure',
  'taskRetry',
  'taskPostrun',
  'taskRejected',
];
