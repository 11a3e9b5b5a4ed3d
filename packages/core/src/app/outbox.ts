/** The way of a call out of an App: routes, freezing, middleware, hooks, the broker. */
import { randomUUID } from 'node:crypto';
import type { FanOut } from '../broker/fan-out.js';
import type { Packing } from '../broker/packer.js';
import type { Shards } from '../broker/shards.js';
import { starmapTask } from '../canvas/starmap.js';
import type { AppConfig } from '../config/resolve.js';
import { mapTask } from '../map/order.js';
import { ConfigError } from '../errors.js';
import type { Hooks } from '../hooks/hooks.js';
import { publishThrough } from '../hooks/middleware.js';
import { changed, publicationOf } from '../hooks/publication.js';
import type { CallSettings } from '../protocol/call-settings.js';
import type { Call } from '../protocol/message.js';
import { AsyncResult, type ResultSource, type SentCall } from '../result/async-result.js';
import { Sent } from '../result/sent.js';
import { overRoute } from '../routing/route.js';
import type { Routes } from '../routing/routes.js';
import { type CallPlace, freezeCall } from '../task/call.js';
import { findCurrentTask } from '../task/context.js';
import type { Definition } from '../task/definition.js';
import { checkCall } from '../task/task.js';
import { onlyOne } from './only-one.js';

/** What an outbox needs of its App. */
export interface OutboxPlace {
  readonly config: AppConfig;
  readonly shards: Shards;
  readonly results: ResultSource;
  readonly hooks: Hooks;
  readonly routes: Routes | undefined;
  readonly fanOut: FanOut | undefined;
  /** What a task says of its calls, where the App has it. */
  readonly known: (task: string) => CallSettings;
}

/** Sends the calls of an App. */
export class Outbox {
  readonly #place: OutboxPlace;

  constructor(place: OutboxPlace) {
    this.#place = place;
  }

  /**
   * Checks a call of a task whose code is here, and sends it.
   *
   * @throws ArgumentsError
   */
  call(
    definition: Definition,
    name: string,
    args: readonly unknown[],
    given: CallSettings,
  ): Sent<unknown> {
    const checked = checkCall(definition, name, args);
    // What was given is sent, not what it parsed to: the worker parses it, and a transform runs once.
    const wait = checked instanceof Promise ? checked : undefined;
    const { calls, batch } = definition;
    const packing = batch?.kind === 'pack' ? batch : undefined;
    return this.send(name, args, wait, calls, given, packing);
  }

  /**
   * Sends a call.
   *
   * @param checked settles when the arguments are known to be good; absent where they are
   * @param task what the task says of its calls
   * @param packing how it may be packed with others
   */
  send(
    name: string,
    args: readonly unknown[],
    checked: Promise<unknown> | undefined,
    task: CallSettings,
    given: CallSettings,
    packing?: Packing,
  ): Sent<unknown> {
    const { results } = this.#place;
    const parent = findCurrentTask();
    const made = this.#freeze(name, args, task, given, {
      reply: results.mailbox.caller,
      root: parent?.rootId,
      parent: parent?.id,
    });
    const call = given.id === undefined ? made : Object.assign({}, made, { isNamed: true });
    const unique = given.unique ?? task.unique;
    if (unique) {
      const draw = given.id === undefined ? (): string => randomUUID() : undefined;
      return this.#sendOnce(onlyOne(call, unique, this.#place.shards, draw), checked);
    }
    const frozen = packing ? this.#packed(call, packing, given) : call;
    const { id, ignoreResult = false } = frozen.message;
    parent?.spawned?.(id);
    const sent: SentCall = {
      queue: undefined,
      ignoreResult,
      epoch: results.mailbox.epoch,
      sending: this.#store(frozen, checked, (queue) => {
        sent.queue = queue;
      }),
    };
    return new Sent(new AsyncResult(id, results, sent), sent.sending);
  }

  /** A call with a place among others; one that has an id, or goes to all workers, goes by itself. */
  #packed(call: Call, packing: Packing, { id }: CallSettings): Call {
    const { shards, fanOut } = this.#place;
    return id === undefined && !fanOut?.has(call.queue) ? shards.packer.seat(call, packing) : call;
  }

  #freeze(
    name: string,
    args: readonly unknown[],
    task: CallSettings,
    given: CallSettings,
    origin: Pick<CallPlace, 'reply' | 'root' | 'parent'>,
  ): Call {
    const { config, routes, shards } = this.#place;
    const defaults = routes ? routes.settle(name, args, task, given) : task;
    // Field by field: a spread with more behind it makes a new hidden class each time.
    const { now, unsure } = shards.moment;
    return freezeCall(name, args, defaults, this.#quiet(defaults, given), {
      now,
      unsure,
      newId: randomUUID,
      defaultQueue: config.defaultQueue,
      reply: origin.reply,
      root: origin.root,
      parent: origin.parent,
    });
  }

  /**
   * Sends a call under an id that others may send it under as well: it runs once.
   *
   * @returns the id that Redis has, which of a second unique call is the first one's, and its queue
   */
  async tick(
    name: string,
    args: readonly unknown[],
    given: CallSettings,
    id: string,
  ): Promise<{ readonly id: string; readonly queue: string }> {
    const task = this.#place.known(name);
    const nobody = { reply: undefined, root: undefined, parent: undefined };
    const call = this.#freeze(name, args, task, { ...given, id }, nobody);
    const unique = given.unique ?? task.unique;
    const once: Call = { ...call, message: { ...call.message, once: true } };
    let { queue } = call;
    // Whoever sends it as well draws the same ones.
    const draw = (attempt: number): string => `${id}~u${attempt}`;
    const sent = unique ? onlyOne(once, unique, this.#place.shards, draw) : once;
    const stored = await this.publish(sent, (to) => {
      queue = to;
    });
    // What goes to all workers has no one job.
    return { id: typeof stored === 'string' ? stored : sent.message.id, queue };
  }

  /** Sends a call unless an equal one is there; whose id the result has is known behind that. */
  #sendOnce(call: Call, checked: Promise<unknown> | undefined): Sent<unknown> {
    const { results } = this.#place;
    const parent = findCurrentTask();
    const { id, ignoreResult = false } = call.message;
    let { queue } = call;
    const store = this.#store(call, checked, (to) => {
      queue = to;
    });
    const sending = store.then(async (stored) => {
      const first = String(stored);
      parent?.spawned?.(first);
      const foreign = first !== id;
      // The first call's options hold; where it has ended meanwhile, only its result is left.
      const ignored = foreign ? await results.ledger.isIgnored(first, queue) : undefined;
      return new AsyncResult(first, results, {
        queue,
        ignoreResult: ignored ?? ignoreResult,
        // None: its result may have come before anybody listened for that id.
        epoch: undefined,
        sending: Promise.resolve(),
        foreign,
      });
    });
    return new Sent<unknown>(undefined, sending, id);
  }

  #store(
    call: Call,
    checked: Promise<unknown> | undefined,
    onStored: (queue: string) => void,
  ): Promise<unknown> {
    return checked
      ? checked.then(() => this.publish(call, onStored))
      : this.publish(call, onStored);
  }

  /**
   * Sends a message, through the middleware where there is any; gives what the broker gives.
   *
   * @param onStored hears which queue has it
   */
  publish(call: Call, onStored?: (queue: string) => void): Promise<unknown> {
    const { shards, hooks } = this.#place;
    if (!hooks.touchesCalls) return shards.send(call, () => onStored?.(call.queue));
    const publication = publicationOf(call);
    return publishThrough(hooks.middleware, publication, async () => {
      await hooks.emit('beforePublish', publication);
      const to = changed(call, publication, shards.moment.now);
      this.#checkMove(call, to);
      const stored = await shards.send(to, () => onStored?.(to.queue));
      void hooks.emit('afterPublish', publication);
      return stored;
    });
  }

  /** Who waits for a result has been told whether one will come. */
  #checkMove(from: Call, to: Call): void {
    const { fanOut } = this.#place;
    if (!fanOut || fanOut.has(from.queue) === fanOut.has(to.queue)) return;
    throw new ConfigError(
      `middleware moved task ${from.message.name}[${from.message.id}] from queue ${from.queue} to ${to.queue}, and one of them is a broadcast queue; name the queue in the call, on the task or in routes`,
    );
  }

  /**
   * What a step of a canvas says when all that is known here is put under it.
   *
   * @throws ConfigError when a router does, or the step is to be the only one of its kind
   */
  settle(task: string, args: readonly unknown[], call: CallSettings): CallSettings {
    if (call.unique) {
      throw new ConfigError(
        `a step of a canvas cannot be unique, because its id is given ahead, and what follows waits for that id; call task ${task} by delay() or applyAsync()`,
      );
    }
    const { unique: _own, ...settled } = overRoute(this.defaults(task, args, call), call);
    return this.#quiet(settled, settled);
  }

  /** What the task of a step, or its route, says of its calls. */
  defaults(task: string, args: readonly unknown[], call: CallSettings): CallSettings {
    const known = this.known(task, args);
    const name = isOverItems(task) ? String(args[0]) : task;
    return this.#place.routes?.settle(name, args, known, call) ?? known;
  }

  /**
   * What a step's task says of its calls. The items of `map`, `starmap` and `chunks` go where their
   * own task goes.
   */
  known(task: string, args: readonly unknown[]): CallSettings {
    if (!isOverItems(task)) return this.#place.known(task);
    const { queue, priority } = this.#place.known(String(args[0]));
    return { ...(queue !== undefined && { queue }), ...(priority !== undefined && { priority }) };
  }

  /** Nobody hears of the result of what goes to all. */
  #quiet(defaults: CallSettings, call: CallSettings): CallSettings {
    const { fanOut, config } = this.#place;
    if (!fanOut?.has(call.queue ?? defaults.queue ?? config.defaultQueue)) return call;
    return { ...call, ignoreResult: true };
  }
}

/** Whether a task runs another one, which its first argument names. */
const isOverItems = (task: string): boolean => task === starmapTask || task === mapTask;
