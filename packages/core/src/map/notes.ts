/** What a map with an id remembers in Redis: how its items are parted, and how far they were sent. */
import { ConfigError } from '../errors.js';
import type { Courier } from './courier.js';

/** The fields: the task, how many chunks were sent, and, by number, the size of chunks from there on. */
const taskField = 'task';
const sentField = 'sent';

/** The notes of one run. */
export class Notes {
  readonly #courier: Courier;
  readonly #id: string;
  /** Sizes by the first chunk that has them, as an earlier run has left them. */
  readonly #sizes: readonly (readonly [at: number, size: number])[];
  /** How many chunks were sent by earlier runs. */
  readonly sent: number;
  #last: number | undefined;

  /**
   * Reads what an earlier run has left.
   *
   * @throws ConfigError when the id is that of a map over another task
   */
  static async open(courier: Courier, id: string, task: string): Promise<Notes> {
    const found = await courier.readNotes(id);
    const before = found[taskField];
    if (before !== undefined && before !== task) {
      throw new ConfigError(
        `the id ${id} is that of a map over ${before}, not over ${task}; give this map another one`,
      );
    }
    const notes = new Notes(courier, id, found);
    if (before === undefined) await courier.writeNotes(id, { [taskField]: task });
    return notes;
  }

  private constructor(courier: Courier, id: string, found: Readonly<Record<string, string>>) {
    this.#courier = courier;
    this.#id = id;
    this.sent = Number(found[sentField] ?? 0);
    this.#sizes = Object.entries(found)
      .filter(([field]) => /^\d+$/.test(field))
      .map(([at, size]) => [Number(at), Number(size)] as const)
      .sort(([a], [b]) => a - b);
  }

  /** How many items a chunk has that was sent before. */
  sizeOf(at: number): number | undefined {
    if (at >= this.sent) return undefined;
    return this.#sizes.findLast(([from]) => from <= at)?.[1];
  }

  /** Notes a chunk that is about to be sent; resolves when that may be. */
  async add(at: number, size: number): Promise<void> {
    if (at < this.sent) {
      this.#last = size;
      return;
    }
    const changed = size !== this.#last;
    this.#last = size;
    await this.#courier.writeNotes(this.#id, {
      [sentField]: at + 1,
      ...(changed && { [at]: size }),
    });
  }
}
