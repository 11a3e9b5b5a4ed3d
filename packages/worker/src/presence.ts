/** A worker's claim on its name, which shows that it lives, and how many shards it has. */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { StartupError } from '@dtask/core';
import {
  type ServerClock,
  type Shards,
  shardsKey,
  workerKey,
  workersKey,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { KeptClaim } from './lock-keeper.js';

/** How long a claim holds without being renewed, and how often it is renewed, in milliseconds. */
export const hold = 10_000;
export const renewal = 3_000;

/** What the claim says. */
interface Claim {
  readonly instance: string;
  readonly host: string;
  readonly pid: number;
  /** Where the pid is that of a process. */
  readonly pids: string;
  /** When the worker started. */
  readonly since: string;
  /** Counts renewals: a claim whose count grows has a living worker. */
  readonly beat: number;
}

/**
 * Sets or drops the claim, unless another instance has it, and with it the name's place among those
 * that live, with the time when the claim lapses. That set lives as long as its last claim, and so does
 * the number of shards that its workers have. A claim that is new is refused where others live that have
 * another number: in one script with the claim, for two that start at a time. KEYS: the claim, the set,
 * the number. ARGV: the instance; the claim, or '' to drop it; how long it holds; the name; how many
 * shards, 0 for none. Gives the server's time, who else has the name, and another number of shards.
 */
const renewScript = `
local held = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if held and not string.find(held, ARGV[1], 1, true) then return {now, held} end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[4])
  return {now}
end
if not held then
  -- What still stands under the name is of one that died.
  redis.call('ZREM', KEYS[2], ARGV[4])
  local said = redis.call('GET', KEYS[3]) or '0'
  if said ~= ARGV[5] then
    if redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), '+inf') > 0 then return {now, false, said} end
    redis.call('DEL', KEYS[3])
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if ARGV[5] ~= '0' then redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[3]) end
return {now}`;

/** The workers of this process: its pid alone may also be that of a process before it. */
const living = new Set<string>();

/** Holds a worker's name from start to stop. */
export class Presence {
  readonly #connection: Redis;
  readonly #key: string;
  readonly #workers: string;
  readonly #shards: string;
  /** How many there are; 0 where there is one server for all. */
  readonly #count: number;
  readonly #name: string;
  readonly #clock: ServerClock;
  readonly #instance = randomUUID();
  readonly #since = new Date().toISOString();
  #beat = 0;
  #released: Promise<unknown> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #held = false;
  #resting = false;

  /** @param clock hears of the server's time with each renewal */
  constructor(connection: Redis, shards: Shards, name: string, clock: ServerClock) {
    const { prefix } = shards.main;
    this.#connection = connection;
    this.#key = workerKey(prefix, name);
    this.#workers = workersKey(prefix);
    this.#shards = shardsKey(prefix);
    this.#count = shards.count;
    this.#name = name;
    this.#clock = clock;
  }

  /**
   * Claims the name. A claim left behind by a worker that died is waited out, or taken over where
   * it is plain that its process is gone.
   *
   * @throws StartupError when a living worker has the name, or when those that live have another
   * number of shards: the same task would be looked for in two places
   */
  async claim(onError: (error: unknown) => void): Promise<void> {
    let first: Claim | undefined;
    living.add(this.#instance);
    while (!this.#resting) {
      const holder = await this.#first();
      if (!holder) break;
      if (first && holder.instance === first.instance && holder.beat > first.beat) {
        living.delete(this.#instance);
        throw this.#taken(holder);
      }
      // Only that claim: another worker may have the name by now.
      if (isGone(holder)) await this.#set('', holder.instance);
      else await pause(first ? renewal / 10 : 0);
      if (first?.instance !== holder.instance) first = holder;
    }
    if (this.#resting) return;
    this.#held = true;
    this.#timer = setInterval(() => this.#renew(onError), renewal);
  }

  async #first(): Promise<Claim | undefined> {
    try {
      return await this.#set(this.#record());
    } catch (error) {
      living.delete(this.#instance);
      throw error;
    }
  }

  /** Whether the name is this worker's, as of the last renewal. */
  get held(): boolean {
    return this.#held;
  }

  /** What holds it, for whoever keeps it while this process is busy. */
  get claimed(): Omit<KeptClaim, 'listeners'> {
    const keys = [this.#key, this.#workers, this.#shards] as const;
    return { keys, instance: this.#instance, name: this.#name, hold };
  }

  /**
   * Gives the name up, once: a stop at once and the one that waits for tasks both ask for it, and
   * neither may close the connection while the other waits for the answer.
   */
  async release(): Promise<void> {
    this.rest();
    await (this.#released ??= this.#set(''));
  }

  /** Claims and renews no more, also where Redis is not there to be told. */
  rest(): void {
    this.#resting = true;
    clearInterval(this.#timer);
    living.delete(this.#instance);
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
      pids: pidSpace(),
      since: this.#since,
      beat: this.#beat,
    };
    return JSON.stringify(claim);
  }

  async #set(record: string, instance: string = this.#instance): Promise<Claim | undefined> {
    const asked = performance.now();
    const keys = [this.#key, this.#workers, this.#shards] as const;
    const [now, held, said] = (await this.#connection.eval(
      renewScript,
      keys.length,
      ...keys,
      instance,
      record,
      hold,
      this.#name,
      this.#count,
    )) as [number, (string | null)?, string?];
    this.#clock.hear(now, asked);
    if (said !== undefined) {
      this.#held = false;
      throw this.#unlike(said);
    }
    return typeof held === 'string' ? (JSON.parse(held) as Claim) : undefined;
  }

  #unlike(said: string): StartupError {
    const [own, theirs] = [this.#count, said].map((count) =>
      Number(count) === 0 ? 'none' : count,
    );
    return new StartupError(
      `the number of shards of this worker is ${own}, and that of workers that live is ${theirs}: the same task would be looked for in two places; stop all workers, see to it that nothing waits, and start them with the new shards`,
    );
  }

  #taken({ pid, host, since }: Claim): StartupError {
    return new StartupError(
      `a worker named ${this.#name} runs already (pid ${pid} on ${host}, since ${since}); give this one another name with -n`,
    );
  }
}

/**
 * In which processes a pid names one: machines may have the same name, and containers that share
 * that of their host have pids of their own, all of them 1 maybe. Elsewhere than on Linux the name of the
 * host has to do.
 */
function pidSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // There is no such thing here.
    return '';
  }
}

/** Whether the holder was a process of this machine that is no more; its pid may even be ours. */
function isGone({ instance, host, pid, pids }: Claim): boolean {
  if (host !== hostname() || pids !== pidSpace()) return false;
  if (pid === process.pid) return !living.has(instance);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

const pause = (span: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, span));
