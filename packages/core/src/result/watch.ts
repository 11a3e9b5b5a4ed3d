/** One wait for the end of a task, as its mailbox sees it: a group has ten thousand of them. */
import type { Before, Outcome } from '../protocol/outcome.js';
import type { Listener, OpenWait } from './entries.js';

/** Who waits, for one task or for many. */
export interface Watcher {
  /** @param at which of its waits has ended */
  ended(outcome: Outcome, at: number): void;
  /** One of its waits is over without an end of the task. */
  failed(error: unknown): void;
  progress(outcome: Outcome): void;
  /** Whether it waits for a limited time, in which a task may come of which nothing is known yet. */
  readonly isBounded: boolean;
}

/** The handle on a task whose end can be watched. */
export interface Watchable {
  /** Rejected when the message could not be sent; absent where another process has sent it. */
  readonly sending: Promise<unknown> | undefined;
  /** Whether there will be no result. */
  readonly isIgnored: boolean;
  /**
   * Tells a watcher of the end, which may have come already. Whether the message could be sent it
   * hears by `sending`.
   *
   * @param at the watcher's number for it
   * @returns the wait, where there is one
   * @throws RegistryError when the task would wait for itself; BrokerError when the App is closed
   */
  watch(watcher: Watcher, at: number): OpenWait | undefined;
}

/** What a handle has that is watched. */
export interface Watched {
  hasEnded(outcome: Outcome): void;
  lost(): Error;
  /** Nothing is known of it. */
  unknown(): Error;
  /** What comes before it in its canvas, where this process has sent that. */
  before(): Before | undefined;
}

/** What is known of the task's message. */
interface Sighted {
  readonly queue: string | undefined;
  readonly foreign?: boolean;
  readonly dispatch?: Dispatch | undefined;
}

/** Whether Redis has all that was sent at once, of a canvas. */
export interface Dispatch {
  readonly isDone: boolean;
}

/** Tells a watcher what becomes of one task. */
export class Watch implements Listener {
  readonly #watched: Watched;
  readonly #sent: Sighted | undefined;
  readonly #watcher: Watcher;
  readonly #at: number;

  constructor(watched: Watched, sent: Sighted | undefined, watcher: Watcher, at: number) {
    this.#watched = watched;
    this.#sent = sent;
    this.#watcher = watcher;
    this.#at = at;
  }

  get foreign(): boolean {
    return this.#sent?.foreign ?? this.#sent === undefined;
  }

  get byId(): boolean {
    return this.#sent === undefined;
  }

  queue(): string | undefined {
    return this.#sent?.dispatch?.isDone === false ? undefined : this.#sent?.queue;
  }

  before(): Before | undefined {
    return this.#watched.before();
  }

  progress(outcome: Outcome): void {
    this.#watcher.progress(outcome);
  }

  done(outcome: Outcome): void {
    // At once: who asks next must not wait for a push that has been.
    this.#watched.hasEnded(outcome);
    this.#watcher.ended(outcome, this.#at);
  }

  failed(error: unknown): void {
    this.#watcher.failed(error);
  }

  lost(): void {
    this.#watcher.failed(this.#watched.lost());
  }

  unknown(): void {
    if (!this.#watcher.isBounded) this.#watcher.failed(this.#watched.unknown());
  }
}
