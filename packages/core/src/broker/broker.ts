/** Puts messages into queues: the one place that adds jobs to BullMQ. */
import type { createRedisBackend, JobJson, QueueOptions } from 'bullmq';
import { type Redis, ReplyError } from 'ioredis';
import type { AppConfig } from '../config/resolve.js';
import { formatMilliseconds } from '../duration.js';
import { BrokerError } from '../errors.js';
import { type Call, encodeMessage } from '../protocol/message.js';
import { bullQueueName, queuesKey } from '../protocol/keys.js';
import { Addition } from './addition.js';
import { closeConnection, letGo, openConnection, whenReady, whyDown } from './connection.js';
import { Deadlines } from './deadlines.js';
import { Gather } from './gather.js';
import { Tracing } from '../trace/tracing.js';

/** The part of BullMQ's backend that stores jobs: below `Queue.add`, which does more than is needed. */
type Backend = ReturnType<typeof createRedisBackend>;

/** Stores jobs in one queue. */
interface JobSink {
  readonly backend: Backend;
  /** BullMQ's view of the connection. */
  readonly client: Awaited<Backend['client']>;
  /** What is made ahead for the calls of a task, by its name; nothing while it is made. */
  readonly additions: Map<string, Addition | undefined>;
}

/** The sending side of an App. It connects when it is first used. */
export class Broker {
  /** What makes spans of calls and runs, where the App has tracing on. */
  readonly tracing: Tracing | undefined;
  readonly #config: AppConfig;
  readonly #sinks = new Map<string, JobSink | Promise<JobSink>>();
  readonly #deadlines: Deadlines;
  readonly #gather = new Gather();
  #connection: Redis | undefined;
  #closed = false;

  constructor(config: AppConfig) {
    this.#config = config;
    this.tracing = config.tracing ? new Tracing() : undefined;
    this.#deadlines = new Deadlines(config.sendTimeout);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Opens a connection of its own for what a shared one cannot do. */
  open(): Redis {
    if (this.#closed) throw new BrokerError('the App is closed; make a new one to go on');
    return letGo(openConnection(this.#config.broker, 'caller'));
  }

  /**
   * Runs commands on the shared connection.
   *
   * @param what opens the error's message: "task x was not sent"
   * @param onReply runs as soon as Redis has answered, without the promise that a `then` would cost
   * @throws BrokerError when Redis refuses them, or does not answer within `sendTimeout`
   */
  ask<R>(
    what: string,
    commands: (connection: Redis) => Promise<R>,
    onReply?: () => void,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const connection = (this.#connection ??= this.open());
      let state: 'waits' | 'sent' | 'expired' = 'waits';
      const settled = this.#deadlines.add(() => {
        reject(this.#silence(connection, what));
        // The client would send it again when the connection is back, though its caller was told no.
        if (state === 'sent') this.#abandon(connection);
        state = 'expired';
      });
      const refused = (cause: unknown): void => {
        settled();
        reject(this.#refusal(what, cause));
      };
      const run = (): void => {
        // What was rejected is not sent later on: so it waits here, not in the client's own queue.
        if (state === 'expired') return;
        state = 'sent';
        commands(connection).then((reply) => {
          settled();
          onReply?.();
          resolve(reply);
        }, refused);
      };
      if (connection.status === 'ready') run();
      else whenReady(connection).then(run, refused);
    });
  }

  /** Leaves a connection, with all that was written to it and not answered. The next call opens one. */
  #abandon(connection: Redis): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#sinks.clear();
    connection.disconnect();
    // A half-open socket never ends by being asked to.
    connection.stream?.destroy();
  }

  /**
   * Stores a call's message; resolves when Redis has it, after `onStored`.
   *
   * Calls made while others are on their way share the connection and its round trips: none waits
   * for another's reply.
   *
   * @throws EncodeError, PayloadTooLargeError before anything is sent
   * @throws BrokerError when Redis refuses it, or does not take it within `sendTimeout`
   */
  send(call: Call, onStored: () => void): Promise<unknown> {
    const { tracing } = this;
    if (!tracing) return this.#send(call, onStored);
    return tracing.send(call, (traced) => this.#send(traced, onStored));
  }

  #send(call: Call, onStored: () => void): Promise<unknown> {
    const { name, id } = call.message;
    let text: string;
    try {
      text = encodeMessage(call.message, this.#config.maxPayload);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return this.ask(
      `task ${name}[${id}] was not sent`,
      (connection) => this.#add(connection, call, text),
      onStored,
    );
  }

  #add(
    connection: Redis,
    { message, queue, delay, priority }: Call,
    text: string,
  ): Promise<unknown> {
    const opts = delay > 0 || priority > 0 ? { delay, priority } : plain;
    const job = { name: message.name, data: text, opts, timestamp: Date.now() } as JobJson;
    const sink = this.#sinks.get(queue) ?? this.#open(connection, queue);
    if (sink instanceof Promise) return sink.then((ready) => add(ready, job, message.id));
    this.#gather.hold(connection);
    const addition = sink.additions.get(message.name);
    if (opts !== plain || !Addition.fits(message.id) || !addition) {
      if (!sink.additions.has(message.name)) this.#prepare(connection, sink, message.name);
      return add(sink, job, message.id);
    }
    // Refused, as by a server that was restarted and has no scripts: BullMQ's own way is the judge.
    const again = (): Promise<unknown> => add(sink, job, message.id);
    return addition
      .send(message.id, job.timestamp, text)
      .then((reply) => ((reply as number) < 0 ? again() : reply), again);
  }

  /** Makes ahead what the next calls of a task send. */
  #prepare(connection: Redis, { backend, additions }: JobSink, name: string): void {
    if (additions.size >= mostAdditions) additions.clear();
    additions.set(name, undefined);
    Addition.of(connection, backend, name).then(
      (addition) => additions.set(name, addition),
      () => undefined,
    );
  }

  #open(connection: Redis, queue: string): Promise<JobSink> {
    const { prefix } = this.#config;
    // Where it fails, so does the call that is sent behind it; the next call tries again.
    const forget = (): void => {
      if (this.#sinks.get(queue) === opening) this.#sinks.delete(queue);
    };
    const opening = openSink(connection, prefix, queue);
    this.#sinks.set(queue, opening);
    opening.then((sink) => {
      if (this.#sinks.get(queue) === opening) this.#sinks.set(queue, sink);
    }, forget);
    connection.sadd(queuesKey(prefix), queue).catch(() => this.#sinks.delete(queue));
    return opening;
  }

  #silence(connection: Redis, what: string): BrokerError {
    if (this.#closed) return new BrokerError(`${what}: the App was closed`);
    const { sendTimeout, broker } = this.#config;
    return whyDown(
      connection,
      broker,
      `${what} within ${formatMilliseconds(sendTimeout)} (sendTimeout)`,
    );
  }

  #refusal(what: string, cause: unknown): BrokerError {
    if (this.#closed) return new BrokerError(`${what}: the App was closed`, { cause });
    const reason = cause instanceof Error ? cause.message : String(cause);
    const refused = isReply(cause) ? 'Redis refused it' : 'the connection was lost';
    return new BrokerError(`${what}: ${refused}: ${reason}`, { cause });
  }

  /** Ends the connection, and has spans exported. Calls that were not yet stored are rejected. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const connection = this.#connection;
    if (connection) await closeConnection(connection);
    this.#deadlines.expireAll();
    for (const sink of this.#sinks.values())
      if (!(sink instanceof Promise)) await sink.backend.close();
    await this.tracing?.flush();
  }
}

/** The options of most jobs. */
const plain = {};
/** A caller of more tasks than this makes things ahead anew now and then. */
const mostAdditions = 1_000;

const add = ({ backend, client }: JobSink, job: JobJson, id: string): Promise<unknown> =>
  backend.addJobToTransaction(client, job, id);

/** BullMQ is loaded here: half of the time that it takes to load dtask would be spent on it. */
async function openSink(connection: Redis, prefix: string, queue: string): Promise<JobSink> {
  const bullmq = await import('bullmq');
  const options: QueueOptions = { connection, prefix, skipVersionCheck: true };
  const backend = bullmq.createRedisBackend(bullQueueName(queue), options);
  // The connection's own listener keeps what went wrong; without one here it would be thrown.
  backend.on('error', () => undefined);
  return { backend, client: await backend.client, additions: new Map() };
}

/** Whether Redis answered, and the answer was no. (ioredis gives the class no type.) */
const isReply = (cause: unknown): boolean => cause instanceof (ReplyError as typeof Error);
