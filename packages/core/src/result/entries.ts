/** Those who wait in a process: who waits for which task, and when its key is looked at. */
import type { Before, Outcome } from '../protocol/outcome.js';

/** Somebody who waits for an outcome. */
export interface Listener {
  /** The queue that has the task's message, once this process knows that it has. */
  readonly queue: () => string | undefined;
  /** Whether another process sent the task, so that its result is not pushed here. */
  readonly foreign: boolean;
  /** Whether nothing but the id is known here. */
  readonly byId?: boolean;
  /** The tasks of its canvas that come before it, where this process has sent that. */
  readonly before?: () => Before | undefined;
  /** A state on the way there. */
  readonly progress: (outcome: Outcome) => void;
  readonly done: (outcome: Outcome) => void;
  readonly failed: (error: unknown) => void;
  /** The task is neither waiting, nor running, nor done. */
  readonly lost: () => void;
  /** Nothing is known of the task, and nothing was since the wait began. Whoever has time may go on. */
  readonly unknown?: () => void;
}

/** A wait that goes on until its task has ended, or it is ended itself. */
export interface OpenWait {
  /** Ends it; does nothing where it is over. */
  end(): void;
}

/** Wait before a key is first looked at whose push may have been lost. */
export const firstLook = 5_000;

/** A listener and when its key is next looked at without a push. */
export class Entry implements OpenWait {
  readonly id: string;
  readonly listener: Listener;
  /** Those beside it that wait for the same task, the next older and the next newer: mostly there is none. */
  also: Entry | undefined;
  newer: Entry | undefined;
  /** Whether it is among those that wait. */
  waits = false;
  /** By `performance.now()`. */
  look = performance.now() + firstLook;
  wait = firstLook;
  /** When the last look found nothing of the task. */
  missedAt: number | undefined;
  /** When a look first found that nothing is known of the task. */
  unknownSince: number | undefined;
  /** Whether a look has found the task, not ended. */
  isKnown = false;
  #queue: string | undefined;
  /** The last state on the way that was heard of, and from which worker. */
  heard: { readonly worker: string | undefined; readonly at: number } | undefined;
  readonly #remove: (entry: Entry) => void;

  constructor(id: string, listener: Listener, remove: (entry: Entry) => void) {
    this.id = id;
    this.listener = listener;
    this.#remove = remove;
  }

  /** The queue that has the task's message, once that is known. */
  get queue(): string | undefined {
    return this.listener.queue() ?? this.#queue;
  }

  /** The task was found. */
  saw(): void {
    this.isKnown = true;
  }

  /** The task was found in a queue. */
  sawIn(queue: string): void {
    this.isKnown = true;
    this.#queue = queue;
  }

  end(): void {
    this.#remove(this);
  }
}

/** All who wait, by task. */
export class Entries {
  /** The latest entry of each task, which leads to the others: no list for each task of one wait. */
  readonly #latest = new Map<string, Entry>();
  readonly #onRemoved: (entry: Entry) => void;
  readonly #remove = (entry: Entry): void => {
    if (this.#takeOut(entry)) this.#onRemoved(entry);
  };

  constructor(onRemoved: (entry: Entry) => void) {
    this.#onRemoved = onRemoved;
  }

  get isEmpty(): boolean {
    return this.#latest.size === 0;
  }

  /** An entry that is not among the others yet. */
  entry(id: string, listener: Listener): Entry {
    return new Entry(id, listener, this.#remove);
  }

  add(entry: Entry): void {
    const latest = this.#latest.get(entry.id);
    if (latest) latest.newer = entry;
    entry.also = latest;
    entry.waits = true;
    this.#latest.set(entry.id, entry);
  }

  /** Whether somebody waits for a task. */
  has(id: string): boolean {
    return this.#latest.has(id);
  }

  /** Those who wait for a task, the latest first. */
  of(id: string): Entry[] {
    return entriesFrom(this.#latest.get(id));
  }

  all(): Entry[] {
    return [...this.#latest.values()].flatMap(entriesFrom);
  }

  /**
   * Those whose key is to be looked at, about `most` of them. They come behind the others then: where
   * more wait than are looked at in time, each has its turn.
   */
  due(now: number, most: number): Entry[] {
    const due: Entry[] = [];
    for (const first of this.#latest.values()) {
      for (const entry of entriesFrom(first)) if (entry.look <= now) due.push(entry);
      if (due.length >= most) break;
    }
    for (const { id } of due) this.#putLast(id);
    return due;
  }

  #putLast(id: string): void {
    const latest = this.#latest.get(id);
    if (!latest) return;
    this.#latest.delete(id);
    this.#latest.set(id, latest);
  }

  clear(): void {
    for (const entry of this.all()) entry.waits = false;
    this.#latest.clear();
  }

  #takeOut(entry: Entry): boolean {
    const { id, also, newer } = entry;
    if (!entry.waits) return false;
    entry.waits = false;
    if (also) also.newer = newer;
    if (newer) newer.also = also;
    else if (also) this.#latest.set(id, also);
    else this.#latest.delete(id);
    entry.also = undefined;
    entry.newer = undefined;
    return true;
  }
}

function entriesFrom(first: Entry | undefined): Entry[] {
  const entries = [];
  for (let entry = first; entry; entry = entry.also) entries.push(entry);
  return entries;
}
