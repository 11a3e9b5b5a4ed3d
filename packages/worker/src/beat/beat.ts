/** Beat: sends the periodic tasks of an App when they are due. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { App } from '@dtask/core';
import { closeConnection, type Deck, openConnection, Plans } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { connected } from '../connected.js';
import { workerLog, type WorkerLog } from '../log.js';
import { writeDeck } from './deck-writer.js';
import { Dispatcher } from './dispatcher.js';
import { leave, takeTurn, type Turn } from './turn.js';

/** Options of a beat. */
export interface BeatOptions {
  /** `'debug'`, `'info'`, `'warn'` or `'error'`. @default 'info' */
  logLevel?: string;
}

/** For how long a claim holds, in milliseconds: another beat sends when it has lapsed. */
const hold = 5_000;
/** How often the beat that sends looks for what others have changed, in milliseconds. */
const leading = 500;
/** How often the others renew their claims. */
const standing = 1_000;
/** How long to wait when the entries of the code were written, or another change came before. */
const writing = 20;
/** How many entries are acted upon at a time. */
const most = 500;

/**
 * Sends the periodic tasks of an App. Any number of beats may run: one of them sends, and another
 * one when that is gone. What is due is in Redis, and each tick has an id of its own, so that it is
 * executed once whatever happens to beats.
 *
 * @example
 * ```ts
 * await using beat = new Beat(app);
 * await beat.start();
 * ```
 */
export class Beat implements AsyncDisposable {
  readonly app: App;
  readonly log: WorkerLog;
  /** What it is known by among the beats. */
  readonly id = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  #connection: Redis | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #wake: () => void = () => undefined;

  constructor(app: App, { logLevel = 'info' }: BeatOptions = {}) {
    this.app = app;
    this.log = workerLog({ level: logLevel, fields: { beat: this.id } });
  }

  /**
   * Connects and begins. While Redis is away it waits, and says so in the log.
   *
   * @throws ConfigError when an entry of the code is wrong
   */
  async start(): Promise<void> {
    const { app, log } = this;
    if (this.#stopping) return;
    const { deck } = app;
    const plans = new Plans(() => deck, app.config.timezone);
    const { address } = app.queues.shards.main;
    const connection = (this.#connection = openConnection(address, `beat:${this.id}`));
    await connected(connection, address, log, 'beat cannot start yet');
    if (this.#stopping) return;
    log.info({ app: app.name, entries: deck.entries.size }, 'beat is ready');
    void app.hooks.emit('beatInit', { id: this.id, app: app.name, pid: process.pid });
    this.#running = this.#run(connection, deck, plans);
  }

  async #run(connection: Redis, deck: Deck, plans: Plans): Promise<void> {
    const { app, log } = this;
    const { store } = app.beat;
    const place = { app, connection, store, plans, log };
    const dispatcher = new Dispatcher(place);
    const claim = { id: this.id, code: deck.hash };
    let led = false;
    while (!this.#stopping) {
      let wait = leading;
      try {
        const asked = performance.now();
        // One turn after another.
        const turn = await takeTurn(connection, store.keys, claim, hold, most);
        if (turn.leads !== led) log.info(turn.leads ? 'this beat sends' : 'another beat sends');
        led = turn.leads;
        if (led) await this.#lead(turn, deck, place, dispatcher, asked);
        wait = waitOf(turn, deck, performance.now() - asked);
      } catch (error) {
        if (this.#stopping) return;
        log.warn({ err: error }, 'a turn of beat failed; it is tried again');
      }
      if (wait > 0) await this.#pause(wait);
    }
  }

  async #lead(
    turn: Turn,
    deck: Deck,
    place: Parameters<typeof writeDeck>[0],
    dispatcher: Dispatcher,
    since: number,
  ): Promise<void> {
    const leads = (): boolean => performance.now() - since < hold;
    if (turn.applied !== deck.hash) await writeDeck(place, deck, turn.now);
    else if (turn.due.length > 0)
      await dispatcher.send(turn.due, { now: turn.now, since: turn.since, leads });
  }

  #pause(wait: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the turn that it is at, and leaves the rest to others. Called again, it waits for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    const connection = this.#connection;
    if (!connection) return;
    if (connection.status === 'ready') {
      await this.#running;
      await leave(connection, this.app.beat.store.keys, this.id).catch(() => undefined);
    }
    await closeConnection(connection);
    await this.#running;
    this.log.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/**
 * How long to wait for the next turn, in milliseconds.
 *
 * @param took since the turn was asked for
 */
function waitOf({ leads, applied, now, next, due }: Turn, deck: Deck, took: number): number {
  if (!leads) return standing;
  if (applied !== deck.hash) return writing;
  // There may be more.
  if (due.length > 0) return 0;
  return next === undefined ? leading : Math.max(0, Math.min(leading, next - now - took));
}
