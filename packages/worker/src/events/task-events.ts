/** Tells of what becomes of tasks, as events where somebody wants them. */
import {
  brief,
  briefArgs,
  type EventWriter,
  failureOf,
  type Message,
  type Outcome,
  reasonOf,
} from '@dtask/core/internal';

/** Longest stack that is told. */
const longestStack = 2_000;

/** What the executor tells. Each of its methods costs a comparison while events are off. */
export class TaskEvents {
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
  started({ id, name }: Message, retries: number): void {
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
    if (!this.#writer.on) return;
    const result = brief(value);
    this.#writer.emit('task-succeeded', { id, name, result, runtime: rounded(runtime) });
  }

  failed({ id, name }: Message, error: unknown): void {
    if (this.#writer.on) this.#writer.emit('task-failed', { id, name, ...errorFields(error) });
  }

  /** @param wait until it runs again, in milliseconds */
  retried({ id, name }: Message, retries: number, wait: number, error: unknown): void {
    if (!this.#writer.on) return;
    const fields = { id, name, retries, wait: rounded(wait), ...errorFields(error) };
    this.#writer.emit('task-retried', fields);
  }

  /** A message was not run. */
  rejected({ id, name }: Pick<Message, 'id' | 'name'>, error: unknown, requeue: boolean): void {
    if (!this.#writer.on) return;
    const { error: text } = errorFields(error);
    this.#writer.emit('task-rejected', { id, name, error: text, requeue });
  }

  revoked(
    { id, name }: Message,
    reason: string,
    { expired = false, terminated = false }: { expired?: boolean; terminated?: boolean } = {},
  ): void {
    if (this.#writer.on)
      this.#writer.emit('task-revoked', { id, name, reason, expired, terminated });
  }

  /** A run ended that is neither a success nor a failure. */
  left(type: 'task-ignored' | 'task-replaced', { id, name }: Message): void {
    if (this.#writer.on) this.#writer.emit(type, { id, name });
  }
}

const rounded = (time: number): number => Number(time.toFixed(1));

function errorFields(thrown: unknown): { error: string; stack?: string } {
  const failure = failureOf(thrown);
  const error = reasonOf(failure).slice(0, 1_000);
  return failure.stack ? { error, stack: failure.stack.slice(0, longestStack) } : { error };
}
