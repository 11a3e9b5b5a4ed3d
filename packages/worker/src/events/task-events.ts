/** Tells of what becomes of tasks: counted always, as events where somebody wants them. */
import type { EndedCounts } from '@dtask/core';
import {
  brief,
  briefArgs,
  type EventWriter,
  type Message,
  type Outcome,
} from '@dtask/core/internal';

/** How many runs have ended, and how. */
export type Ended = { -readonly [how in keyof EndedCounts]: number };

/** Longest stack that is told. */
const longestStack = 2_000;

/** What the executor tells. Each of its methods costs a comparison while events are off. */
export class TaskEvents {
  /** How many runs of each task have begun. */
  readonly totals = new Map<string, number>();
  /** How many runs of each queue's tasks have begun. */
  readonly queues = new Map<string, number>();
  readonly ended: Ended = {
    succeeded: 0,
    failed: 0,
    retried: 0,
    revoked: 0,
    rejected: 0,
    requeued: 0,
  };
  readonly #writer: EventWriter;

  constructor(writer: EventWriter) {
    this.#writer = writer;
  }

  /** A message was taken that is to be run. */
  received(
    { id, name, args, root, parent, eta, expires }: Message,
    queue: string,
    retries: number,
  ): void {
    if (!this.#writer.on) return;
    this.#writer.emit('task-received', {
      id,
      name,
      queue,
      args: briefArgs(args),
      retries,
      ...(root !== undefined && { root }),
      ...(parent !== undefined && { parent }),
      ...(eta !== undefined && { eta }),
      ...(expires !== undefined && { expires }),
    });
  }

  /** A run begins. */
  started({ id, name }: Message, retries: number, queue: string): void {
    this.totals.set(name, (this.totals.get(name) ?? 0) + 1);
    this.queues.set(queue, (this.queues.get(queue) ?? 0) + 1);
    if (this.#writer.on) this.#writer.emit('task-started', { id, name, retries });
  }

  /** The task tells of a state on the way. */
  progress({ id, name }: Message, { state, value }: Outcome): void {
    if (this.#writer.on)
      this.#writer.emit('task-progress', { id, name, state, details: brief(value) });
  }

  /** The task tells something of its own. What is no JSON cannot be told. */
  custom({ id, name }: Message, event: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#writer.on) this.#writer.emit('task-custom', { id, name, event, fields });
  }

  /** @param runtime in milliseconds */
  succeeded({ id, name }: Message, value: unknown, runtime: number): void {
    this.ended.succeeded += 1;
    if (!this.#writer.on) return;
    const result = brief(value);
    this.#writer.emit('task-succeeded', { id, name, result, runtime: rounded(runtime) });
  }

  failed({ id, name }: Message, error: unknown): void {
    this.ended.failed += 1;
    if (this.#writer.on) this.#writer.emit('task-failed', { id, name, ...errorFields(error) });
  }

  /** @param wait until it runs again, in milliseconds */
  retried({ id, name }: Message, retries: number, wait: number, error: unknown): void {
    this.ended.retried += 1;
    if (!this.#writer.on) return;
    const fields = { id, name, retries, wait: rounded(wait), ...errorFields(error) };
    this.#writer.emit('task-retried', fields);
  }

  /** A message was not run. */
  rejected({ id, name }: Pick<Message, 'id' | 'name'>, error: unknown, requeue: boolean): void {
    this.ended[requeue ? 'requeued' : 'rejected'] += 1;
    if (!this.#writer.on) return;
    const { error: text } = errorFields(error);
    this.#writer.emit('task-rejected', { id, name, error: text, requeue });
  }

  revoked(
    { id, name }: Message,
    reason: string,
    { expired = false, terminated = false }: { expired?: boolean; terminated?: boolean } = {},
  ): void {
    this.ended.revoked += 1;
    if (this.#writer.on)
      this.#writer.emit('task-revoked', { id, name, reason, expired, terminated });
  }

  /** A run ended that is neither a success nor a failure. */
  left(type: 'task-ignored' | 'task-replaced', { id, name }: Message): void {
    if (this.#writer.on) this.#writer.emit(type, { id, name });
  }

  /** How many runs have begun. */
  get processed(): number {
    let sum = 0;
    for (const count of this.totals.values()) sum += count;
    return sum;
  }
}

const rounded = (time: number): number => Number(time.toFixed(1));

function errorFields(error: unknown): { error: string; stack?: string } {
  if (!(error instanceof Error)) return { error: brief(error, 1_000) };
  const text = `${error.name}: ${error.message}`.slice(0, 1_000);
  return error.stack ? { error: text, stack: error.stack.slice(0, longestStack) } : { error: text };
}
