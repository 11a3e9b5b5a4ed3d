/** What a map with an id remembers in Redis: how its items are parted, and how far they were sent. */
import { randomUUID } from 'node:crypto';
import { ConfigError } from '../errors.js';
import type { Courier } from './courier.js';

/** How many chunks were sent. Beside it, by number, stand the sizes of chunks from there on. */
const sentField = 'sent';

/** The notes of one run. */
export class Notes {
  readonly #courier: Courier;
  readonly #id: string;
  readonly #owner: string;
  /** Sizes by the first chunk that has them, as an earlier run has left them. */
  readonly #sizes: readonly (readonly [at: number, size: number])[];
  /** How many chunks were sent by earlier runs. */
  readonly sent: number;
  /** Whether another run has taken the map over. */
  lost = false;
  #last: number | undefined;

  /**
   * Reads what an earlier run has left, and ends that run, if it goes on.
   *
   * @throws ConfigError when the id is that of a map over another task
   */
  static async open(courier: Courier, id: string, task: string): Promise<Notes> {
    const owner = randomUUID();
    const found = await courier.takeNotes(id, owner, task);
    if ('fields' in found) return new Notes(courier, id, owner, found.fields);
    throw new ConfigError(
      `the id ${id} is that of a map over ${found.otherTask}, not over ${task}; give this map another one`,
    );
  }

  private constructor(
    courier: Courier,
    id: string,
    owner: string,
    found: Readonly<Record<string, string>>,
  ) {
    this.#courier = courier;
    this.#id = id;
    this.#owner = owner;
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

  /**
   * Notes a chunk that is about to be sent; resolves when that may be.
   *
   * @throws ConfigError when another run has taken the map over: two would part the items differently
   */
  async add(at: number, size: number): Promise<void> {
    const changed = size !== this.#last;
    this.#last = size;
    if (at < this.sent) return;
    const notes = { [sentField]: at + 1, ...(changed && { [at]: size }) };
    if (await this.#courier.addNotes(this.#id, this.#owner, notes)) return;
    this.lost = true;
    throw new ConfigError(
      `the map ${this.#id} was started a second time while this one went on, and the second has taken it over; give each its own id`,
    );
  }
}
