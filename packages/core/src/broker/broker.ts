/** Puts messages into queues: the one place that adds jobs to BullMQ. */
import { type Redis, ReplyError } from 'ioredis';
import type { AppConfig } from '../config/resolve.js';
import { formatMilliseconds } from '../duration.js';
import { BrokerError } from '../errors.js';
import { type Call, encodeMessage } from '../protocol/message.js';
import { Addition } from './addition.js';
import {
  closeConnection,
  dropConnection,
  letGo,
  openConnection,
  whenReady,
  whyDown,
} from './connection.js';
import { Deadlines } from './deadlines.js';
import { enterQueue } from './enter-queue.js';
import type { FanOut } from './fan-out.js';
import { Gather } from './gather.js';
import { addJob, jobOf, type JobSink, openSink, plain } from './job-sink.js';
import { Tracing } from '../trace/tracing.js';

/** The sending side of an App. It connects when it is first used. */
export class Broker {
  /** What makes spans of calls and runs, where the App has tracing on. */
  readonly tracing: Tracing | undefined;
  readonly #config: AppConfig;
  readonly #sinks = new Map<string, JobSink | Promise<JobSink>>();
  readonly #deadlines: Deadlines;
  readonly #gather = new Gather();
  readonly #fanOut: FanOut | undefined;
  #connection: Redis | undefined;
  #closed = false;
  /** Hears of every call that Redis has taken. */
  onSent: ((call: Call) => void) | undefined;

  /** @param fanOut the queues of which each worker gets every message */
  constructor(config: AppConfig, fanOut?: FanOut) {
    this.#config = config;
    this.#fanOut = fanOut;
    this.tracing = config.tracing ? new Tracing() : undefined;
    this.#deadlines = new Deadlines(config.sendTimeout);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Opens a connection of its own for what a shared one cannot do.
   *
   * @param role shows in Redis' list of clients; without one it keeps no process alive
   */
  open(role?: string): Redis {
    if (this.#closed) throw new BrokerError('the App is closed; make a new one to go on');
    const connection = openConnection(this.#config.broker, role ?? 'caller');
    return role === undefined ? letGo(connection) : connection;
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

  /**
   * Waits for the reply to what was asked on a connection that this Broker has opened.
   *
   * @param what opens the error's message: "task x was not sent"
   * @throws BrokerError when Redis refuses it, or does not answer within `sendTimeout`
   */
  inTime<R>(connection: Redis, what: string, reply: Promise<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const settled = this.#deadlines.add(() => reject(this.#silence(connection, what)));
      const refused = (cause: unknown): void => reject(this.#refusal(what, cause));
      reply.finally(settled).then(resolve, refused);
    });
  }

  /** Leaves a connection, with all that was written to it and not answered. The next call opens one. */
  #abandon(connection: Redis): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#sinks.clear();
    dropConnection(connection);
  }

  /**
   * Stores a call's message; resolves when Redis has it, after `onStored`.
   *
   * Calls made while others are on their way share the connection and its round trips: none waits
   * for another's reply.
   *
   * @throws EncodeError, PayloadTooLargeError before anything is sent
   * @returns the id of the job that Redis has, which of a second unique call is the first one's
   * @throws BrokerError when Redis refuses it, or does not take it within `sendTimeout`
   */
  send(call: Call, onStored: () => void): Promise<unknown> {
    const { tracing } = this;
    if (!tracing) return this.#send(call, onStored);
    return tracing.send(call, (traced) => this.#send(traced, onStored));
  }

  #send(call: Call, onStored: () => void): Promise<unknown> {
    const stored = this.onSent ? () => this.#stored(call, onStored) : onStored;
    return call.join?.(call, stored) ?? this.store(call, stored);
  }

  /** Stores a call's message, whether or not it has a place in a pack. */
  store(given: Call, onStored: () => void): Promise<unknown> {
    const { name, id } = given.message;
    let call = given;
    let text: string;
    try {
      if (this.#fanOut?.has(given.queue)) call = this.#fanOut.prepare(given);
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

  #stored(call: Call, onStored: () => void): void {
    onStored();
    this.onSent?.(call);
  }

  #add(connection: Redis, call: Call, text: string): Promise<unknown> {
    const { message, queue } = call;
    if (this.#fanOut?.has(queue)) return this.#fanOut.send(connection, call, text);
    const job = jobOf(call, text);
    const sink = this.#sinks.get(queue) ?? this.#open(connection, queue);
    if (sink instanceof Promise) return sink.then((ready) => addJob(ready, job, message.id));
    sink.entry.use();
    this.#gather.hold(connection);
    const addition = sink.additions.get(message.name);
    if (job.opts !== plain || !Addition.fits(message.id) || !addition) {
      if (!sink.additions.has(message.name)) this.#prepare(connection, sink, message.name);
      return addJob(sink, job, message.id);
    }
    // Refused, as by a server that was restarted and has no scripts: BullMQ's own way is the judge.
    const again = (): Promise<unknown> => addJob(sink, job, message.id);
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
    enterQueue(connection, prefix, queue).catch(() => this.#sinks.delete(queue));
    return opening;
  }

  #silence(connection: Redis, what: string): BrokerError {
    if (this.#closed) return new BrokerError(`${what}: the App was closed`);
    const { sendTimeout, broker, shards } = this.#config;
    const isShard = Array.isArray(shards) && shards.includes(broker);
    return whyDown(
      connection,
      broker,
      `${what} within ${formatMilliseconds(sendTimeout)} (sendTimeout)`,
      isShard ? "DTASK_SHARDS or the app's shards option" : undefined,
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
    for (const sink of this.#sinks.values()) {
      if (sink instanceof Promise) continue;
      sink.entry.end();
      await sink.backend.close();
    }
    await this.tracing?.flush();
  }
}

/** A caller of more tasks than this makes things ahead anew now and then. */
const mostAdditions = 1_000;

/** Whether Redis answered, and the answer was no. (ioredis gives the class no type.) */
const isReply = (cause: unknown): boolean => cause instanceof (ReplyError as typeof Error);
