/** A worker's claim on its name, which shows that it lives. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { StartupError } from '@dtask/core';
import { workerKey, workersKey } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { ServerClock } from './server-clock.js';

/** How long a claim holds without being renewed, and how often it is renewed, in milliseconds. */
export const hold = 10_000;
export const renewal = 3_000;

/** What the claim says. */
interface Claim {
  readonly instance: string;
  readonly host: string;
  readonly pid: number;
  /** When the worker started. */
  readonly since: string;
  /** Counts renewals: a claim whose count grows has a living worker. */
  readonly beat: number;
}

/**
 * Sets or drops the claim, unless another instance has it, and with it the name's place among those
 * that live, with the time when the claim lapses. That set lives as long as its last claim. KEYS: the
 * claim, the set. ARGV: the instance; the claim, or '' to drop it; how long it holds; the name. Gives
 * the server's time, and who else has the name.
 */
const renewScript = `
local held = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if held and not string.find(held, ARGV[1], 1, true) then return {now, held} end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return {now}`;

/** The workers of this process: its pid alone may also be that of a process before it. */
const living = new Set<string>();

/** Holds a worker's name from start to stop. */
export class Presence {
  readonly #connection: Redis;
  readonly #key: string;
  readonly #workers: string;
  readonly #name: string;
  readonly #clock: ServerClock;
  readonly #instance = randomUUID();
  readonly #since = new Date().toISOString();
  #beat = 0;
  #released: Promise<unknown> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #held = false;

  /** @param clock hears of the server's time with each renewal */
  constructor(connection: Redis, prefix: string, name: string, clock: ServerClock) {
    this.#connection = connection;
    this.#key = workerKey(prefix, name);
    this.#workers = workersKey(prefix);
    this.#name = name;
    this.#clock = clock;
  }

  /**
   * Claims the name. A claim left behind by a worker that died is waited out, or taken over where
   * it is plain that its process is gone.
   *
   * @throws StartupError when a living worker has the name
   */
  async claim(onError: (error: unknown) => void): Promise<void> {
    let first: Claim | undefined;
    living.add(this.#instance);
    for (;;) {
      const holder = await this.#set(this.#record());
      if (!holder) break;
      if (first && holder.instance === first.instance && holder.beat > first.beat) {
        living.delete(this.#instance);
        throw this.#taken(holder);
      }
      if (isGone(holder)) await this.#connection.del(this.#key);
      else await pause(first ? renewal / 10 : 0);
      if (first?.instance !== holder.instance) first = holder;
    }
    this.#held = true;
    this.#timer = setInterval(() => this.#renew(onError), renewal);
  }

  /** Whether the name is this worker's, as of the last renewal. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * Gives the name up, once: a stop at once and the one that waits for tasks both ask for it, and
   * neither may close the connection while the other waits for the answer.
   */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    living.delete(this.#instance);
    await (this.#released ??= this.#set(''));
  }

  #renew(onError: (error: unknown) => void): void {
    this.#beat += 1;
    this.#set(this.#record()).then((holder) => {
      this.#held = !holder;
      // After an outage in which another worker of the same name came up.
      if (holder) onError(this.#taken(holder));
    }, onError);
  }

  #record(): string {
    const claim: Claim = {
      instance: this.#instance,
      host: hostname(),
      pid: process.pid,
      since: this.#since,
      beat: this.#beat,
    };
    return JSON.stringify(claim);
  }

  async #set(record: string): Promise<Claim | undefined> {
    const asked = Date.now();
    const keys = [this.#key, this.#workers] as const;
    const [now, held] = (await this.#connection.eval(
      renewScript,
      keys.length,
      ...keys,
      this.#instance,
      record,
      hold,
      this.#name,
    )) as [number, string?];
    this.#clock.set(now, asked);
    return typeof held === 'string' ? (JSON.parse(held) as Claim) : undefined;
  }

  #taken({ pid, host, since }: Claim): StartupError {
    return new StartupError(
      `a worker named ${this.#name} runs already (pid ${pid} on ${host}, since ${since}); give this one another name with -n`,
    );
  }
}

/** Whether the holder was a process of this machine that is no more; its pid may even be ours. */
function isGone({ instance, host, pid }: Claim): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return !living.has(instance);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

const pause = (span: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, span));
