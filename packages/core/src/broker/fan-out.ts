/** Sends a message to every worker that listens on a broadcast queue. */
import type { Redis } from 'ioredis';
import { ConfigError } from '../errors.js';
import { type Call, encodeMessage } from '../protocol/message.js';
import { listenersKey, ownQueue } from '../protocol/keys.js';
import { add, later, type Traces } from './adding.js';
import { additionOf } from './addition.js';
import type { HealingRedis } from './healing-redis.js';
import { jobOf, type JobSink, openSink } from './job-sink.js';
import { OwnScript } from './own-script.js';
import type { Question } from './question.js';
import type { ServerClock } from './server-clock.js';

/** The workers whose claim holds, by the server's clock. */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')`;

const listeners = new OwnScript<string[]>(1, script);

/** The sinks of workers, by the name of the queue that each has for itself. */
type Sinks = Map<string, Promise<JobSink>>;

/** What a message belongs to that is on its way to all. */
export interface Sending {
  readonly question: Question;
  readonly clock: ServerClock;
  /** By what it is known that a worker's queue has a message. */
  readonly tracesOf: (call: Call, queue: string) => Traces;
}

/** The broadcast queues of an App. */
export class FanOut {
  readonly #prefix: string;
  readonly #queues: ReadonlySet<string>;
  readonly #sinks = new WeakMap<Redis, Sinks>();

  constructor(prefix: string, queues: readonly string[]) {
    this.#prefix = prefix;
    this.#queues = new Set(queues);
  }

  /** Whether a queue is for all. */
  has(queue: string): boolean {
    return this.#queues.has(queue);
  }

  /**
   * A call as each worker gets it: what it gives nobody hears of.
   *
   * @throws ConfigError when something follows it, or it is to be the only one of its kind
   */
  prepare(call: Call): Call {
    const { message, queue, unique } = call;
    const what = `task ${message.name}[${message.id}] cannot be sent to ${queue}, a broadcast queue`;
    if (message.next ?? message.link ?? message.linkError)
      throw new ConfigError(`${what}: what follows it would run once for each worker`);
    if (unique) throw new ConfigError(`${what}, as a unique one: each worker gets a message`);
    const { reply: _reply, ...rest } = message;
    return { ...call, message: { ...rest, ignoreResult: true } };
  }

  /** Stores a message for each worker that listens now; two round trips. */
  async send(
    connection: HealingRedis,
    call: Call,
    text: string,
    { question, clock, tracesOf }: Sending,
  ): Promise<void> {
    const { queue, message } = call;
    const workers = await listeners.run(connection, listenersKey(this.#prefix, queue));
    const sinks = this.#sinksFor(connection, queue, workers);
    await Promise.all(
      workers.map(async (worker) => {
        const own = ownQueue(queue, worker);
        const opening = sinks.get(own) ?? openSink(connection, this.#prefix, own);
        sinks.set(own, opening);
        const { backend } = await opening;
        const send = (one: Call, whole: string): Promise<unknown> => {
          const job = jobOf(one, whole, clock.now());
          const traces = tracesOf(one, own);
          return later(connection, question, () =>
            add(connection, additionOf(connection, backend, job, one.message.id, traces)),
          );
        };
        if (!message.once) return send(call, text);
        // Its end is looked up by its id, and is not that of the others' copies.
        const copy = {
          ...call,
          message: { ...message, id: `${message.id}~${worker.replaceAll(':', '=')}` },
        };
        return send(copy, encodeMessage(copy.message, Number.MAX_SAFE_INTEGER));
      }),
    );
  }

  /** The queues that workers have of their own for a broadcast queue; also what dead ones have left. */
  async owned(connection: Redis, queue: string): Promise<string[]> {
    const workers = await connection.zrange(listenersKey(this.#prefix, queue), 0, -1);
    return workers.map((worker) => ownQueue(queue, worker));
  }

  /** Of these the queues of the workers that live. */
  async live(connection: Redis, queue: string): Promise<string[]> {
    const workers = await listeners.run(connection, listenersKey(this.#prefix, queue));
    return workers.map((worker) => ownQueue(queue, worker));
  }

  /** Those of workers that are gone are forgotten: their names may never come again. */
  #sinksFor(connection: Redis, queue: string, workers: readonly string[]): Sinks {
    const sinks: Sinks = this.#sinks.get(connection) ?? new Map();
    this.#sinks.set(connection, sinks);
    const live = new Set(workers.map((worker) => ownQueue(queue, worker)));
    for (const [own, opening] of sinks) {
      if (live.has(own) || !own.startsWith(ownQueue(queue, ''))) continue;
      sinks.delete(own);
      opening.then(({ backend }) => backend.close()).catch(() => undefined);
    }
    return sinks;
  }
}
