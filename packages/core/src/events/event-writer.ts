/** Writes events into Redis, off the path of what they tell of. */
import { addEntry, encodeEvent } from './entry.js';
import type { EventFields, EventType } from './event.js';

/** Where events go. */
export interface EventWriterPlace {
  readonly prefix: string;
  /** The worker that tells; absent for a caller. */
  readonly worker?: string;
  /** About how many events the stream keeps. */
  readonly kept: number;
  /** Adds an entry; rejects where it could not. */
  readonly add: (...args: [string, ...(string | number)[]]) => Promise<unknown>;
  /** The server's time, in milliseconds since 1970. */
  readonly now: () => number;
  /** Whether Redis can be asked now. */
  readonly isUp: () => boolean;
}

/** Events are gathered for this long, in milliseconds, or until there are so many. */
const patience = 50;
const most = 200;
/** Events that wait while Redis is away; then the oldest go. */
const mostWaiting = 10_000;
/** Longest that an end waits for the last events. */
const lastWait = 1_000;

/**
 * Gathers events and writes them, several in one entry. While it is off, telling costs nothing. It
 * never makes anybody wait, nor fails: events are news, and the state of tasks is elsewhere.
 */
export class EventWriter {
  /** Whether events are told at all. */
  on: boolean;
  /** How many events were given up because Redis was away. */
  dropped = 0;
  readonly #place: EventWriterPlace;
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  /** How many events an entry of this writer has on average. */
  #average = 1;

  constructor(place: EventWriterPlace, on: boolean) {
    this.#place = place;
    this.on = on;
  }

  /** Tells of something that has just happened. */
  emit<T extends EventType>(type: T, fields: EventFields<T>): void {
    if (!this.on) return;
    const count = this.#waiting.push(encodeEvent(type, this.#place.now(), fields));
    if (count >= mostWaiting) this.dropped += this.#waiting.splice(0, most).length;
    if (this.#writing) return;
    if (count < most) this.#timer ??= setTimeout(this.#onTime, patience);
    else if (this.#place.isUp()) this.#write();
  }

  /** Tells no more; resolves when all that was told is written, or Redis is not there to write it. */
  async close(): Promise<void> {
    this.on = false;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, lastWait);
    });
    await Promise.race([this.#writeAll(), late]);
    clearTimeout(timer);
    clearTimeout(this.#timer);
    this.dropped += this.#waiting.splice(0).length;
  }

  async #writeAll(): Promise<void> {
    await this.#writing;
    while (this.#waiting.length > 0 && this.#place.isUp()) {
      this.#write();
      await this.#writing;
    }
  }

  readonly #onTime = (): void => {
    this.#timer = undefined;
    if (this.#place.isUp()) this.#write();
    // Nobody stays for what may never be written.
    else this.#timer = setTimeout(this.#onTime, 10 * patience).unref();
  };

  /** One entry at a time: a slow Redis gets larger ones, not more of them. */
  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing || this.#waiting.length === 0) return;
    const events = this.#waiting.splice(0, most);
    const { prefix, kept, worker, add } = this.#place;
    this.#average += (events.length - this.#average) / 16;
    const entries = Math.ceil(kept / Math.max(1, this.#average));
    this.#writing = add(...addEntry(prefix, entries, worker, events)).then(
      () => this.#written(),
      () => {
        this.dropped += events.length;
        this.#written();
      },
    );
  }

  #written(): void {
    this.#writing = undefined;
    if (this.#waiting.length >= most && this.#place.isUp()) this.#write();
    else if (this.#waiting.length > 0) this.#timer ??= setTimeout(this.#onTime, patience);
  }
}
