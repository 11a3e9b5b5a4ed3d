/** Puts messages into queues: the one place that adds jobs to BullMQ. */
import type { Redis } from 'ioredis';
import type { AppConfig } from '../config/resolve.js';
import { BrokerError } from '../errors.js';
import { type Call, encodeMessage } from '../protocol/message.js';
import { add, type Adding, later, type Traces } from './adding.js';
import { Addition, additionOf } from './addition.js';
import { CallTraces, taskOf, type TracesPlace } from './call-traces.js';
import { closeConnection, letGo, openConnection, whenReady } from './connection.js';
import { Deadlines } from './deadlines.js';
import { enterQueue } from './enter-queue.js';
import type { FanOut } from './fan-out.js';
import { Gather } from './gather.js';
import type { HealingRedis } from './healing-redis.js';
import { jobOf, type JobSink, openSink, plain } from './job-sink.js';
import { Question } from './question.js';
import { reckon, withoutTimes } from './reckoning.js';
import {
  closedError,
  type GivenUp,
  refusalError,
  silenceError,
  type Subject,
} from './send-error.js';
import { ServerClock } from './server-clock.js';
import { Tracing } from '../trace/tracing.js';

/** The sending side of an App. It connects when it is first used. */
export class Broker {
  /** What makes spans of calls and runs, where the App has tracing on. */
  readonly tracing: Tracing | undefined;
  /** The server's clock. */
  readonly clock: ServerClock;
  readonly #config: AppConfig;
  readonly #traces: TracesPlace;
  readonly #sinks = new Map<string, JobSink | Promise<JobSink>>();
  readonly #deadlines: Deadlines;
  readonly #gather = new Gather();
  readonly #fanOut: FanOut | undefined;
  #connection: HealingRedis | undefined;
  #closed = false;
  /** Hears of every call that Redis has taken. */
  onSent: ((call: Call) => void) | undefined;

  /**
   * @param mayRunTwice whether a task is known here as one that may run more than once
   * @param fanOut the queues of which each worker gets every message
   */
  constructor(config: AppConfig, mayRunTwice: (task: string) => boolean, fanOut?: FanOut) {
    this.#config = config;
    this.#fanOut = fanOut;
    this.clock = ServerClock.of(config.broker);
    this.#traces = { config, clock: this.clock, mayRunTwice };
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
  open(role?: string): HealingRedis {
    if (this.#closed) {
      const outcome = 'not-sent';
      throw new BrokerError('the App is closed; make a new one to go on', { outcome });
    }
    const connection = openConnection(
      { ...this.#config, address: this.#config.broker },
      role ?? 'caller',
    );
    return role === undefined ? letGo(connection) : connection;
  }

  /**
   * Runs commands on the shared connection.
   *
   * @param what opens the error's message: "group x was not saved"
   * @throws BrokerError when Redis refuses them, or does not answer within `sendTimeout`
   */
  ask<R>(what: string, commands: (connection: Redis) => Promise<R>): Promise<R> {
    return this.#ask(what, (connection, question) => {
      question.possible += 1;
      return commands(connection);
    });
  }

  /**
   * @param commands counts in the question what Redis may have carried out
   * @param onReply runs as soon as Redis has answered, without the promise that a `then` would cost
   */
  #ask<R>(
    subject: Subject,
    commands: (connection: HealingRedis, question: Question) => Promise<R>,
    onReply?: () => void,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const connection = (this.#connection ??= this.open());
      const question = new Question();
      const given = { subject, question, config: this.#config };
      const settled = this.#deadlines.add(() => {
        question.dropped = true;
        reject(this.#closed ? closedError(given) : silenceError(given, connection));
        this.#doubt(connection, question);
      });
      const refused = (cause: unknown): void => {
        settled();
        reject(this.#refusal(given, cause));
      };
      const run = (): void => {
        // What was rejected is not sent later on: so it waits here, not in the client's own queue.
        if (question.dropped) return;
        question.socket = connection.stream;
        connection
          .asks(question, () => commands(connection, question))
          .then((reply) => {
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
   * @param what opens the error's message: "the events were not read"
   * @throws BrokerError when Redis refuses it, or does not answer within `sendTimeout`
   */
  inTime<R>(connection: Redis, what: string, reply: Promise<R>): Promise<R> {
    const question = new Question();
    question.possible = 1;
    const given = { subject: what, question, config: this.#config };
    return new Promise<R>((resolve, reject) => {
      const settled = this.#deadlines.add(() => {
        reject(this.#closed ? closedError(given) : silenceError(given, connection));
      });
      const refused = (cause: unknown): void => reject(this.#refusal(given, cause));
      reply.finally(settled).then(resolve, refused);
    });
  }

  /**
   * Leaves a socket on which no answer came in time, for a new one. What others wait for is written again
   * there, in its order; what was asked on an earlier socket says nothing of this one.
   */
  #doubt(connection: HealingRedis, { socket, possible }: Question): void {
    if (possible > 0 && connection.status === 'ready' && connection.stream === socket)
      connection.stream.destroy();
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
    let call = given;
    let text: string;
    try {
      if (this.#fanOut?.has(given.queue)) call = this.#fanOut.prepare(given);
      text = encodeMessage(withoutTimes(call), this.#config.maxPayload);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const { message, packed = [message.id] } = call;
    return this.#ask(
      { task: taskOf(message), ids: packed },
      (connection, question) =>
        call.reckoned
          ? this.#add(connection, ...reckon(call, text, this.clock), question)
          : this.#add(connection, call, text, question),
      onStored,
    );
  }

  #stored(call: Call, onStored: () => void): void {
    onStored();
    this.onSent?.(call);
  }

  #add(connection: HealingRedis, call: Call, text: string, question: Question): Promise<unknown> {
    const { queue } = call;
    if (this.#fanOut?.has(queue)) {
      const tracesOf = (copy: Call, own: string): Traces => new CallTraces(this.#traces, copy, own);
      return this.#fanOut.send(connection, call, text, { question, clock: this.clock, tracesOf });
    }
    const sink = this.#sinks.get(queue) ?? this.#open(connection, queue);
    if (!(sink instanceof Promise)) {
      sink.entry.use();
      this.#gather.hold(connection);
      return add(connection, this.#adding(connection, sink, call, text));
    }
    return sink.then((ready) =>
      later(connection, question, () =>
        add(connection, this.#adding(connection, ready, call, text)),
      ),
    );
  }

  #adding(connection: Redis, { backend, additions }: JobSink, call: Call, text: string): Adding {
    const { message, queue } = call;
    const { id, name } = message;
    const { clock } = this;
    if (clock.isStale) clock.ask(connection);
    const job = jobOf(call, text, clock.now());
    const traces = new CallTraces(this.#traces, call, queue);
    if (job.opts !== plain || !Addition.fits(id))
      return additionOf(connection, backend, job, id, traces);
    let addition = additions.get(name);
    if (addition === undefined && !additions.has(name)) {
      if (additions.size >= mostAdditions) additions.clear();
      addition = Addition.of(connection, backend, name);
      additions.set(name, addition);
    }
    return (
      addition?.at(id, job.timestamp, text, traces) ??
      additionOf(connection, backend, job, id, traces)
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

  #refusal(given: GivenUp, cause: unknown): BrokerError {
    return this.#closed ? closedError(given, cause) : refusalError(given, cause);
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
