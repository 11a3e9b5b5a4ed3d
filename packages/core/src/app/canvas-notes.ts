/** What is stored of the tasks of canvases that no worker has: not yet, or never. */
import { partBy } from '../part-by.js';
import type { Shard, Shards } from '../broker/shards.js';
import { waitOf } from '../canvas/flow.js';
import type { Reopened } from '../canvas/reopening.js';
import { Path, type WaitingTask, waitingTasks } from '../canvas/waiting.js';
import type { AppConfig } from '../config/resolve.js';
import { BrokerError } from '../errors.js';
import type { Message } from '../protocol/message.js';
import { encodeOutcome, type Outcome } from '../protocol/outcome.js';
import { firstTasks, type Step, type TaskStep, tasksOf } from '../protocol/step.js';
import {
  encodeOutstanding,
  type NotedRecord,
  noteOutstanding,
  settleTasks,
} from '../result/outstanding.js';

/**
 * How long a task is known to wait for others, beside the waits that its canvas asks for. What follows
 * is forgotten after a week in which nothing happens, so this is some weeks of a chain that goes on.
 */
const patience = 30 * 24 * 3_600_000;
/** Longest that a canvas waits for a server that it does not begin on, in milliseconds. */
const moment = 250;

/** The notes of an App on its canvases. */
export class CanvasNotes {
  readonly #shards: Shards;
  readonly #config: AppConfig;

  constructor(shards: Shards, config: AppConfig) {
    this.#shards = shards;
    this.#config = config;
  }

  /** Where a step is sent, unless middleware sends it elsewhere. */
  readonly queueOf = ({ options }: TaskStep): string => options?.queue ?? this.#config.defaultQueue;

  /**
   * Notes the tasks of a canvas that wait for others. Nothing where there is none.
   *
   * @param reply the caller process that hears of their ends
   * @param path what comes before the canvas
   */
  note(step: Step, reply: string | undefined, path?: Path): Promise<unknown> | undefined {
    const waiting = waitingTasks(step, this.queueOf, path);
    if (waiting.length === 0) return undefined;
    // What comes behind something else begins nowhere yet.
    const begun = new Set((path ? [] : firstTasks(step)).map(({ id }) => this.#shards.of(id)));
    const now = this.#now();
    return this.#write(
      waiting.map((task) => recordOf(task, now, reply)),
      waitOf(step, now),
      begun,
    );
  }

  /** Notes that what a failed task has stopped waits for it once more. */
  async noteAgain({ id, reply }: Message, { steps, replaced }: Reopened): Promise<void> {
    // What else comes before them is known no more.
    const path = Path.unknown();
    await this.note({ chain: steps, id }, reply, path);
    for (const task of replaced) await this.noteReplaced(task);
  }

  /**
   * Notes which canvas has taken a task's place.
   *
   * @param step absent where that is not known any more
   */
  noteReplaced({ id, name }: Pick<Message, 'id' | 'name'>, step?: Step): Promise<unknown> {
    const path = step ? new Path() : Path.unknown();
    if (step) path.add(step, this.queueOf);
    const state = 'REPLACED';
    const record = { id, state, at: this.#now(), task: name, before: path.before };
    const own = new Set([this.#shards.of(id)]);
    return this.#write(
      [{ id, text: encodeOutstanding(record) }],
      step ? waitOf(step, this.#now()) : 0,
      own,
    );
  }

  /** Ends the tasks of a canvas that will never be sent, since what was to come before them was not. */
  async abandon(step: Step, error: unknown, reply: string): Promise<void> {
    // Redis would not take that either.
    if (error instanceof BrokerError) return;
    const at = this.#now();
    const end = { state: 'FAILURE', error, at } as const;
    await this.settle(
      Array.from(tasksOf(step), ({ id, task }) => ({ id, task, ...end })),
      reply,
    );
  }

  #now(): number {
    return this.#shards.moment.now;
  }

  /** @param needed the servers without which the canvas does not begin; others may be away */
  #write(
    records: readonly NotedRecord[],
    wait: number,
    needed: ReadonlySet<Shard>,
  ): Promise<unknown> {
    const parts = partBy(records, ({ id }) => this.#shards.of(id));
    return Promise.all(
      [...parts].map(([shard, some]) => {
        const written = shard.ask('the steps of a canvas were not noted', (connection) =>
          noteOutstanding(connection, shard.prefix, some, patience + wait),
        );
        const isNeeded = needed.has(shard) || this.#shards.all.length === 1;
        return isNeeded ? written : forAMoment(written);
      }),
    );
  }

  /** Stores how tasks have ended that no worker runs, and tells their caller. */
  async settle(outcomes: readonly Outcome[], reply: string | undefined): Promise<void> {
    const { resultExpires } = this.#config;
    const parts = partBy(outcomes, ({ id }) => this.#shards.of(id));
    await Promise.all(
      [...parts].map(([{ ask, prefix }, some]) => {
        const records = some.map((outcome) => ({
          id: outcome.id,
          text: encodeOutcome(outcome, Number.MAX_SAFE_INTEGER),
        }));
        return ask('results were not stored', (connection) =>
          settleTasks(connection, prefix, records, reply, resultExpires),
        );
      }),
    );
  }
}

/**
 * Waits for what another server is to take. While that is away nobody can look there, and behind that
 * its steps are not known before they are sent: the canvas goes on all the same.
 */
async function forAMoment(written: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, moment);
  });
  await Promise.race([written.catch(() => undefined), late]);
  clearTimeout(timer);
}

/** Notes on their way, of a canvas that may have a million parts: none is kept that has been written. */
export class Noted {
  readonly #open = new Set<Promise<unknown>>();
  #failure: unknown;

  add(note: Promise<unknown> | undefined): void {
    if (!note) return;
    const written: Promise<void> = note.then(
      () => void this.#open.delete(written),
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
    this.#open.add(written);
  }

  /** @throws what the first of them has thrown that could not be written */
  async all(): Promise<void> {
    await Promise.all(this.#open);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }
}

function recordOf(
  { step, queue, before }: WaitingTask,
  at: number,
  reply: string | undefined,
): NotedRecord {
  const { id, task, options } = step;
  const ignored = options?.ignoreResult === true ? true : undefined;
  const text = encodeOutstanding({
    id,
    state: 'WAITING',
    at,
    task,
    queue,
    before,
    ...(ignored ? { ignored } : { reply }),
  });
  return { id, text };
}
