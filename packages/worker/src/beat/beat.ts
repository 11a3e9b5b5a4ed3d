/** Beat: sends the periodic tasks of an App when they are due. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { App } from '@dtask/core';
import { closeConnection, type Deck, openConnection, Plans } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { connected } from '../connected.js';
import { Life, type LifeState } from '../life.js';
import { workerLog, type WorkerLog } from '../log.js';
import { writeDeck } from './deck-writer.js';
import { Dispatcher } from './dispatcher.js';
import { within } from '../within.js';
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
/** The longest wait between turns that fail, in milliseconds. */
const longestWait = 5_000;
/** For how long the failure of turns is not said again, in milliseconds. */
const silence = 60_000;
/** How often the others renew their claims. */
const standing = 1_000;
/** How long to wait when the entries of the code were written, or another change came before. */
const writing = 20;
/** How many entries are acted upon at a time. */
const most = 500;
/** Longest that a stop waits for the turn that the beat is at, and for Redis to hear of its end, in milliseconds. */
const lastTurn = 2_000;

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
  readonly #life: Life;
  #wake: () => void = () => undefined;

  constructor(app: App, { logLevel = 'info' }: BeatOptions = {}) {
    this.app = app;
    this.log = workerLog({ level: logLevel, fields: { beat: this.id } });
    this.#life = new Life({ what: `beat ${this.id}`, app, log: this.log, end: () => this.#end() });
  }

  /** Where it stands; what may follow on which is as for a worker. */
  get state(): LifeState {
    return this.#life.state;
  }

  /**
   * Connects and begins. While Redis is away it waits, and says so in the log. A `stop()` meanwhile ends
   * the wait, and this resolves. Called again, it is the same start.
   *
   * @throws (rejects) ConfigError when an entry of the code is wrong; StartupError when the beat was
   * stopped before
   */
  start(): Promise<void> {
    return this.#life.start(() => this.#start());
  }

  async #start(): Promise<void> {
    const { app, log } = this;
    const { deck } = app;
    const plans = new Plans(() => deck, app.config.timezone);
    const { main } = app.queues.shards;
    const { address } = main;
    const connection = (this.#connection = openConnection(main, `beat:${this.id}`));
    await this.#life.step(connected(connection, address, log, 'beat cannot start yet'));
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
    const failures = new Failures(log);
    let led = false;
    while (!this.#life.isOver) {
      let wait: number;
      try {
        const asked = performance.now();
        // One turn after another.
        const turn = await takeTurn(connection, store.keys, claim, hold, most);
        if (turn.leads !== led) log.info(turn.leads ? 'this beat sends' : 'another beat sends');
        led = turn.leads;
        if (led) await this.#lead(turn, deck, place, dispatcher, asked);
        failures.end();
        wait = waitOf(turn, deck, performance.now() - asked);
      } catch (error) {
        if (this.#life.isOver) return;
        wait = failures.add(error);
      }
      if (wait > 0 && !this.#life.isOver) await this.#pause(wait);
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

  /**
   * Ends the turn that it is at, and leaves the rest to others. Called again, it waits for the same end.
   * Redis is waited for no longer than two seconds: what a turn has sent without noting it is sent again under
   * the same id by the next beat, and a claim that could not be given up lapses. A beat that was stopped is
   * not started again.
   */
  stop(): Promise<void> {
    return this.#life.stop(false);
  }

  async #end(): Promise<void> {
    this.#wake();
    const connection = this.#connection;
    if (connection) {
      if (connection.status === 'ready') await within(lastTurn, this.#leave(connection));
      await closeConnection(connection);
    }
    // What waited for Redis was rejected with that. What it sends by the App has the App's own limit.
    await within(lastTurn, Promise.all([this.#life.settled, this.#running]));
    this.log.flush();
  }

  async #leave(connection: Redis): Promise<void> {
    await this.#running;
    await leave(connection, this.app.beat.store.keys, this.id).catch((error: unknown) =>
      this.log.warn({ err: error }, 'the claim of this beat was not given up, and lapses'),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Turns that have failed one after another. */
class Failures {
  readonly #log: WorkerLog;
  #count = 0;
  #said = -Infinity;

  constructor(log: WorkerLog) {
    this.#log = log;
  }

  /** Says that a turn has failed, but no oftener than once a minute; gives the wait for the next turn. */
  add(error: unknown): number {
    const now = performance.now();
    if (now - this.#said >= silence) {
      this.#said = now;
      this.#log.warn({ err: error }, 'a turn of beat failed; it is tried again with growing waits');
    }
    const wait = Math.min(longestWait, leading * 2 ** this.#count);
    this.#count += 1;
    return wait;
  }

  /** Called when a turn has not failed. */
  end(): void {
    if (this.#count === 0) return;
    this.#log.info({ failed: this.#count }, 'turns of beat succeed again');
    this.#count = 0;
    this.#said = -Infinity;
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
