/** Reads the stream of events, as fast as somebody asks for them. */
import type { Redis } from 'ioredis';
import { closeConnection, longestBlock, whenReady } from '../broker/connection.js';
import { BrokerError } from '../errors.js';
import { eventsKey } from '../protocol/keys.js';
import { decodeEntry } from './entry.js';
import type { DtaskEvent } from './event.js';
import { before, type EventFilter } from './event-filter.js';

/** Where a reader reads. */
export interface EventReaderPlace {
  readonly prefix: string;
  /** Opens a connection, which keeps the process alive: somebody waits for what comes. */
  readonly open: () => Redis;
}

/** Most entries that are read in one go; each holds up to 200 events. */
const portion = 50;
/** Wait before the next try after an error, in milliseconds. */
const again = 500;

type Entries = [id: string, fields: string[]][];

/**
 * One iteration over the events. It has a connection of its own, which heals; it remembers how far
 * it came, and goes on there.
 */
export class EventReader {
  readonly #place: EventReaderPlace;
  readonly #filter: EventFilter;
  readonly #signal: AbortSignal | undefined;
  #connection: Redis | undefined;
  #ended = false;
  #wake: () => void = () => undefined;
  #last: string | undefined;

  constructor(place: EventReaderPlace, filter: EventFilter, signal: AbortSignal | undefined) {
    this.#place = place;
    this.#filter = filter;
    this.#signal = signal;
  }

  /** Ends the iteration: whoever waits for the next event hears that there is none. */
  readonly end = (): void => {
    this.#ended = true;
    this.#wake();
    this.#connection?.disconnect();
  };

  /** The events, until it is left or ended. */
  async *events(): AsyncGenerator<DtaskEvent, void, undefined> {
    if (this.#signal?.aborted) return;
    this.#signal?.addEventListener('abort', this.end, { once: true });
    try {
      this.#connection = this.#place.open();
      while (!this.#ended) {
        for (const [id, fields] of await this.#next(this.#connection)) {
          // Ahead of the events: what is told twice is worse than what is lost with its reader.
          this.#last = id;
          for (const event of decodeEntry(fields)) {
            if (!this.#filter.wants(event)) continue;
            yield event;
            if (this.#ended) return;
          }
        }
      }
    } finally {
      this.#signal?.removeEventListener('abort', this.end);
      if (this.#connection) await closeConnection(this.#connection);
    }
  }

  /** The next entries; none where there was an outage, or nothing came for a while. */
  async #next(connection: Redis): Promise<Entries> {
    try {
      await whenReady(connection);
      this.#last ??= await this.#begin(connection);
      const key = eventsKey(this.#place.prefix);
      const reply = await connection.xread(
        'COUNT',
        portion,
        'BLOCK',
        longestBlock,
        'STREAMS',
        key,
        this.#last,
      );
      return reply?.[0]?.[1] ?? [];
    } catch (error) {
      if (this.#ended) return [];
      if (isWrongType(error)) {
        throw new BrokerError(
          `events were not read: ${eventsKey(this.#place.prefix)} is not a stream; another program has written to that key`,
          { cause: error },
        );
      }
      // The connection comes back by itself, and the reading goes on where it was.
      await this.#pause();
      return [];
    }
  }

  /** The id behind which the first event comes. */
  async #begin(connection: Redis): Promise<string> {
    const { beginning } = this.#filter;
    if ('id' in beginning) return beginning.id;
    if ('ago' in beginning) {
      const [seconds, micros] = await connection.time();
      return before(Number(seconds) * 1_000 + Number(micros) / 1_000 - beginning.ago);
    }
    const [newest] = await connection.xrevrange(
      eventsKey(this.#place.prefix),
      '+',
      '-',
      'COUNT',
      1,
    );
    return newest?.[0] ?? '0-0';
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, again);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const isWrongType = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('WRONGTYPE');
