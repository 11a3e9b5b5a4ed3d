/** What follows a task in a canvas. */
import { type App, BrokerError } from '@dtask/core';
import { decode, firstTasks, type Message, type Outcome, type Replace } from '@dtask/core/internal';
import type { WorkerLog } from './log.js';
import type { Performance } from './pool/pool.js';
import { isOfOneTask, type Refusals } from './refusals.js';
import { mostChildren } from './run.js';
import type { Slots } from './slots.js';

/** Whether anything follows a task. */
export const hasSequel = ({ next, link, linkError, only }: Message): boolean =>
  next !== undefined || link !== undefined || linkError !== undefined || only === true;

/** The tasks that a task called, and those that come next. */
export function childrenOf(
  { next, link = [] }: Message,
  { children = [] }: Pick<Performance, 'children'>,
): readonly string[] | undefined {
  if (!next && link.length === 0) return children.length > 0 ? children : undefined;
  const [frame] = next ?? [];
  const following = frame && 'steps' in frame ? frame.steps.slice(0, 1) : [];
  const ids = [...link, ...following].flatMap(firstTasks).map(({ id }) => id);
  return [...children, ...ids].slice(0, mostChildren);
}

/** A task that waits for another shard for longer than this lends its slot, in milliseconds. */
const patience = 250;
/** Most that do so at a time: each keeps its job in memory. */
const mostLent = 1_000;

/**
 * Sends what follows. Without it nothing would ever come, so it is tried for as long as Redis is
 * away, and a worker that dies on the way, or whose App is closed, leaves it to the next one.
 */
export class Sequel {
  readonly #app: App;
  readonly #log: WorkerLog;
  readonly #slots: Slots;
  readonly #refusals: Refusals;
  #lent = 0;

  /** @param refusals of the server where the sequels go, or of any of several */
  constructor(app: App, log: WorkerLog, slots: Slots, refusals: Refusals) {
    this.#app = app;
    this.#log = log;
    this.#slots = slots;
    this.#refusals = refusals;
  }

  /**
   * A message with the values of the group before it.
   *
   * @throws ChordError when they are not there any more
   */
  async complete(message: Message): Promise<Message> {
    const { from, args } = message;
    if (from === undefined) return message;
    const text = await this.#insist(message, () => this.#app.canvases.values(from));
    return {
      ...message,
      args: [decode(JSON.parse(text), 'args', undefined, this.#app.canvases.handles), ...args],
    };
  }

  /** Does what follows the end of a task. */
  async of(message: Message, outcome: Outcome): Promise<void> {
    const { flow } = this.#app.canvases;
    if (outcome.state !== 'SUCCESS') return this.#failed(message, outcome);
    try {
      await this.#insist(message, () => flow.ended(message, outcome));
    } catch (error) {
      // Its value cannot be sent on: what would have got it fails.
      await this.#failed(message, { ...outcome, state: 'FAILURE', value: undefined, error });
    }
    return undefined;
  }

  /** Errbacks that cannot be sent, as where a middleware refuses them, change nothing of what has failed. */
  async #failed(message: Message, outcome: Outcome): Promise<void> {
    const { flow } = this.#app.canvases;
    try {
      await this.#insist(message, () => flow.ended(message, outcome));
    } catch (err) {
      if (err instanceof BrokerError) throw err;
      const { name: task, id } = message;
      this.#log.error({ task, id, err }, 'what was to start when it fails could not be sent');
      const { link: _link, linkError: _linkError, ...rest } = message;
      await this.#insist(message, () => flow.ended(rest, outcome));
    }
  }

  /** Sends the canvas that takes a task's place. */
  async replace(message: Message, node: Replace['node']): Promise<void> {
    const { id, name, next = [], link, linkError } = message;
    const settle = {
      settle: id,
      task: name,
      ...(link && { link }),
      ...(linkError && { linkError }),
    };
    await this.#insist(message, () => this.#app.canvases.replace(node, message, [settle, ...next]));
    this.#log.info({ task: name, id }, 'replaced by a canvas');
  }

  /** A shard that is away must not take the slots of all tasks that want to go there. */
  async #insist<R>(message: Message, work: () => Promise<R>): Promise<R> {
    if (this.#app.queues.shards.places.length === 1) return this.#persist(message, work);
    let lent = false;
    const timer = setTimeout(() => {
      if (this.#lent >= mostLent) return;
      lent = true;
      this.#lent += 1;
      this.#slots.release();
    }, patience);
    try {
      return await this.#persist(message, work);
    } finally {
      clearTimeout(timer);
      if (lent) {
        this.#lent -= 1;
        this.#slots.takeBack();
      }
    }
  }

  #persist<R>({ id }: Message, work: () => Promise<R>): Promise<R> {
    // Of an App that is closed, nothing comes any more.
    const isRefused = (error: unknown): boolean =>
      error instanceof BrokerError && !this.#app.closed && !isOfOneTask(error);
    return this.#refusals.insist(id, 'what follows a task', work, isRefused);
  }
}
