/** What follows a task in a canvas. */
import { setTimeout as pause } from 'node:timers/promises';
import { type App, BrokerError } from '@dtask/core';
import {
  decode,
  firstTasks,
  type Message,
  type Origin,
  type Outcome,
  type Replace,
} from '@dtask/core/internal';
import type { WorkerLog } from './log.js';
import { mostChildren, type Run } from './run.js';

/** Whether anything follows a task. */
export const hasSequel = ({ next, link, linkError, only }: Message): boolean =>
  next !== undefined || link !== undefined || linkError !== undefined || only === true;

/** The tasks that a task called, and those that come next. */
export function childrenOf(
  { next, link = [] }: Message,
  { children = [] }: Run,
): readonly string[] | undefined {
  if (!next && link.length === 0) return children.length > 0 ? children : undefined;
  const [frame] = next ?? [];
  const following = frame && 'steps' in frame ? frame.steps.slice(0, 1) : [];
  const ids = [...link, ...following].flatMap(firstTasks).map(({ id }) => id);
  return [...children, ...ids].slice(0, mostChildren);
}

/** What the messages that a task leads to have of it. */
export const originOf = ({ id, root = id, group, reply }: Message): Origin => ({
  root,
  parent: id,
  group,
  reply,
  again: true,
});

/** Wait between attempts while Redis is away, in milliseconds. */
const again = 1_000;

/**
 * Sends what follows. Without it nothing would ever come, so it is tried for as long as Redis is
 * away, and a worker that dies on the way, or whose App is closed, leaves it to the next one.
 */
export class Sequel {
  readonly #app: App;
  readonly #log: WorkerLog;

  constructor(app: App, log: WorkerLog) {
    this.#app = app;
    this.#log = log;
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
    return { ...message, args: [decode(JSON.parse(text), 'args'), ...args] };
  }

  /** Does what follows the end of a task. */
  async of(message: Message, outcome: Outcome): Promise<void> {
    const { flow } = this.#app.canvases;
    try {
      await this.#insist(message, () => flow.ended(message, outcome));
    } catch (error) {
      if (outcome.state !== 'SUCCESS') throw error;
      // Its value cannot be sent on: what would have got it fails.
      const failed: Outcome = { ...outcome, state: 'FAILURE', value: undefined, error };
      await this.#insist(message, () => flow.ended(message, failed));
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
    await this.#insist(message, () =>
      this.#app.canvases.replace(node, message, [settle, ...next], originOf(message)),
    );
    this.#log.info({ task: name, id }, 'replaced by a canvas');
  }

  async #insist<R>({ name, id }: Message, work: () => Promise<R>): Promise<R> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        // Of an App that is closed, nothing comes any more.
        if (!(error instanceof BrokerError) || this.#app.closed) throw error;
        this.#log.warn(
          { task: name, id, err: error },
          'Redis is away; what the task needs is tried again',
        );
        await pause(again);
      }
    }
  }
}
