/** The time of a server, which decides between machines whose clocks differ. */
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { formatMilliseconds } from '../duration.js';
import { redactAddress } from './shown-address.js';

/** After this time the server is asked again, in milliseconds. */
const belief = 60_000;
/** A measurement that took longer than this is made again soon, in milliseconds. */
const rough = 50;
const doubt = 5_000;
/** By how much a quartz may be off: a part of the time that has passed. */
const drift = 1e-4;
/** This machine's clock counts as wrong from this difference on, in milliseconds. */
const tolerance = 1_000;

/** Hears that this machine's clock is wrong, in a sentence. */
export type OnDifference = (warning: string) => void;

/** When something happens. */
export interface Moment {
  /** The server's time; this machine's, where that is not known yet. */
  readonly now: number;
  /** Where it is not known: the same by `performance.now()`. */
  readonly unsure?: number | undefined;
}

const clocks = new Map<string, ServerClock>();
const byConnection = new WeakMap<Redis, ServerClock>();

/** The clock of the server that a connection is to. */
export function clockOf(connection: Redis): ServerClock {
  let clock = byConnection.get(connection);
  if (!clock) byConnection.set(connection, (clock = new ServerClock('Redis')));
  return clock;
}

/**
 * Follows a server's clock, by the times that its replies tell. It goes by the time since the process
 * began, so that it does not jump when somebody sets the machine's clock. Where the two clocks agree as far as can
 * be told, it is this machine's.
 */
export class ServerClock {
  /** What the time since the process began is added to; nothing before the server was first heard. */
  #base: number | undefined;
  /** Between these the base must be. */
  #least = 0;
  #most = 0;
  /** When the server was heard last, by the time since the process began; and this machine's base then. */
  #heard = 0;
  #local = 0;
  #again = 0;
  #asking = false;
  #told = false;
  readonly #server: string;
  /** Hears once, when the two clocks are found to differ by more than a second. */
  onDifference: OnDifference = (warning) => process.emitWarning(warning, { code: 'DTASK_CLOCK' });

  /** The one clock of a server for this process. */
  static of(url: string): ServerClock {
    let clock = clocks.get(url);
    if (!clock) clocks.set(url, (clock = new ServerClock(redactAddress(url))));
    return clock;
  }

  /** @param server how it is named to people */
  constructor(server: string) {
    this.#server = server;
  }

  /** Has a connection to the server ask it for its time whenever it is made, with the first commands. */
  follow(connection: Redis): void {
    byConnection.set(connection, this);
    connection.on('connect', () => this.ask(connection));
  }

  /** Whether the server has been heard. */
  get isKnown(): boolean {
    return this.#base !== undefined;
  }

  /** The server's time, in whole milliseconds since 1970; this machine's, before the server was heard. */
  readonly now = (): number =>
    this.#base === undefined ? Date.now() : Math.floor(this.#base + performance.now());

  /** What the server's clock said when this machine's `performance.now()` was `moment`. */
  at(moment: number): number {
    return Math.floor((this.#base ?? localBase()) + moment);
  }

  /** How far this machine's clock is ahead of the server's, in milliseconds. */
  get ahead(): number {
    return Date.now() - this.now();
  }

  /** Whether the server is to be asked again: it was long ago, or this machine's clock was set or slept. */
  get isStale(): boolean {
    if (this.#base === undefined) return true;
    return performance.now() > this.#again || Math.abs(localBase() - this.#local) > tolerance;
  }

  /**
   * Hears of the server's time.
   *
   * @param time in milliseconds since 1970
   * @param asked when it was asked for, by `performance.now()`
   */
  hear(time: number, asked: number): void {
    const heard = performance.now();
    // It was read between the question and the answer; times are told, and read, in whole milliseconds.
    const least = time - heard - 1;
    const most = time - asked + 1;
    const aged = (heard - this.#heard) * drift;
    const agrees =
      this.#base !== undefined && least <= this.#most + aged && most >= this.#least - aged;
    this.#least = agrees ? Math.max(least, this.#least - aged) : least;
    this.#most = agrees ? Math.min(most, this.#most + aged) : most;
    const local = localBase();
    const isLocal = this.#least <= local && local <= this.#most;
    this.#base = isLocal ? local : (this.#least + this.#most) / 2;
    this.#heard = heard;
    this.#local = local;
    this.#again = heard + (this.#most - this.#least > rough ? doubt : belief);
    this.#tell();
  }

  /** Asks the server, which nobody has to wait for. */
  ask(connection: Redis): void {
    if (this.#asking) return;
    this.#asking = true;
    const asked = performance.now();
    const done = (): void => {
      this.#asking = false;
    };
    connection.time().then(
      (reply) => {
        done();
        this.hear(millisecondsOf(reply), asked);
      },
      () => {
        done();
        // A server that does not tell its time is taken to have this machine's.
        this.#again = performance.now() + doubt;
      },
    );
  }

  #tell(): void {
    const { ahead } = this;
    if (this.#told || Math.abs(ahead) <= tolerance) return;
    this.#told = true;
    const by = formatMilliseconds(Math.round(Math.abs(ahead)));
    const where = ahead > 0 ? 'ahead of' : 'behind';
    this.onDifference(
      `the clock of this machine (${hostname()}) is ${by} ${where} that of ${this.#server}; dtask goes by the server's, but points in time that code makes here are wrong by as much: set the clock (NTP)`,
    );
  }
}

/** This machine's time at `performance.now()` 0: the process's beginning, as long as nobody sets the clock. */
const localBase = (): number => Date.now() - performance.now();

/** Seconds and microseconds, as `TIME` replies. */
const millisecondsOf = ([seconds, micros]: readonly (string | number)[]): number =>
  Number(seconds) * 1_000 + Number(micros) / 1_000;
