/** Reads the stream of events, as fast as somebody asks for them. */
import type { Redis } from 'ioredis';
import type { Ask } from '../broker/ask.js';
import { closeConnection, longestBlock, whenReady } from '../broker/connection.js';
import { BrokerError } from '../errors.js';
import { eventsKey } from '../protocol/keys.js';
import { decodeEntry } from './entry.js';
import type { DtaskEvent } from './event.js';
import { before, type EventFilter } from './event-filter.js';

/** Where a reader reads. */
export interface EventReaderPlace {
  readonly prefix: string;
  /** Asks where to begin. */
  readonly ask: Ask;
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
  #over: () => void = () => undefined;
  /** Resolves when the iteration is ended from outside. */
  readonly #whenOver = new Promise<void>((resolve) => (this.#over = resolve));
  /** The id of the entry that was read last. */
  #last = '';

  constructor(place: EventReaderPlace, filter: EventFilter, signal: AbortSignal | undefined) {
    this.#place = place;
    this.#filter = filter;
    this.#signal = signal;
  }

  /** Ends the iteration: whoever waits for the next event hears that there is none. */
  readonly end = (): void => {
    this.#ended = true;
    this.#over();
    this.#wake();
    this.#connection?.disconnect();
  };

  /**
   * The events, until it is left or ended.
   *
   * @throws BrokerError when Redis is not there to begin with: nobody knows yet that it ever was
   */
  async *events(): AsyncGenerator<DtaskEvent, void, undefined> {
    if (this.#signal?.aborted) return;
    this.#signal?.addEventListener('abort', this.end, { once: true });
    try {
      const beginning = await Promise.race([this.#begin(), this.#whenOver]);
      if (beginning === undefined) return;
      this.#last = beginning;
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
      const reply = await connection.xread(
        'COUNT',
        portion,
        'BLOCK',
        longestBlock,
        'STREAMS',
        this.#key,
        this.#last,
      );
      return reply?.[0]?.[1] ?? [];
    } catch (error) {
      if (this.#ended) return [];
      if (isWrongType(error)) throw this.#noStream(error);
      // The connection comes back by itself, and the reading goes on where it was.
      await this.#pause();
      return [];
    }
  }

  /** The id behind which the first event comes. */
  async #begin(): Promise<string> {
    const { beginning } = this.#filter;
    try {
      return await this.#place.ask('events were not read', async (connection) => {
        if ('end' in beginning) {
          const [newest] = await connection.xrevrange(this.#key, '+', '-', 'COUNT', 1);
          return newest?.[0] ?? '0-0';
        }
        // Also for an id, which needs no clock: the answer shows that Redis is there.
        const [seconds, micros] = await connection.time();
        if ('id' in beginning) return beginning.id;
        return before(Number(seconds) * 1_000 + Number(micros) / 1_000 - beginning.ago);
      });
    } catch (error) {
      const { cause } = error as Error;
      throw isWrongType(cause) ? this.#noStream(cause) : error;
    }
  }

  get #key(): string {
    return eventsKey(this.#place.prefix);
  }

  #noStream(cause: unknown): BrokerError {
    return new BrokerError(
      `events were not read: ${this.#key} is not a stream; another program has written to that key`,
      { cause },
    );
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
