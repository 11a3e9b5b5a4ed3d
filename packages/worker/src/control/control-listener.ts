/** Hears control requests and answers them, on a connection of its own. */
import { DtaskError } from '@dtask/core';
import {
  answerChannel,
  closeConnection,
  controlChannel,
  isMeant,
  type ControlReply,
  type ControlRequest,
  controlVersion,
  decodeRequest,
  dropConnection,
  hear,
  onPush,
  push,
  type ServerClock,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { WorkerLog } from '../log.js';
import { NotSupported } from './control-target.js';

/** What a listener needs of its worker. */
export interface ListenerPlace {
  readonly worker: string;
  readonly prefix: string;
  /** What else the connection hears. */
  readonly channels: readonly string[];
  /** Opens the connection. */
  readonly open: () => Redis;
  /** Publishes answers; the other one only hears. */
  readonly publisher: Redis;
  readonly clock: ServerClock;
  readonly log: WorkerLog;
  /** Carries a command out. */
  readonly carryOut: (command: string, args: ControlRequest['args']) => unknown;
  /** The connection was away: what was published meanwhile was missed. */
  readonly onReturn: () => void;
}

/** How often the connection is asked for a sign of life: a subscription asks nothing by itself. */
const pulse = 3_000;
/** Requests that wait for the worker to have its name. */
const mostEarly = 100;
/** Longest answer, in characters: all callers' connections share Redis' buffers. */
const longest = 1024 * 1024;

/** A worker's ear. It subscribes before the worker has its name, and answers from then on. */
export class ControlListener {
  readonly #place: ListenerPlace;
  #connection: Redis | undefined;
  #timer: NodeJS.Timeout | undefined;
  #early: string[] | undefined = [];
  #returns = false;

  constructor(place: ListenerPlace) {
    this.#place = place;
  }

  /** Starts to hear; resolves when Redis has confirmed it. */
  open(): Promise<void> {
    const connection = this.#place.open();
    this.#connection = connection;
    // Nothing comes on other channels.
    onPush(connection, (_channel, text) => this.#receive(text));
    // ioredis would subscribe anew by itself, but would not say when it has.
    connection.options.autoResubscribe = false;
    this.#timer = setInterval(() => this.#ping(), pulse).unref();
    return new Promise((resolve) => {
      connection.on('end', resolve);
      connection.on('ready', () => {
        const { prefix, channels } = this.#place;
        hear(connection, [controlChannel(prefix, connection.options.db), ...channels]).then(
          () => {
            if (this.#returns) this.#place.onReturn();
            this.#returns = true;
            resolve();
          },
          // The connection broke again: the next 'ready' tries again.
          () => undefined,
        );
      });
    });
  }

  /** Starts to answer, first what has come already: callers know of the worker by now. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const text of early) this.#receive(text);
  }

  /** Hears no more, at once. */
  cut(): void {
    clearInterval(this.#timer);
    if (this.#connection) dropConnection(this.#connection);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#connection) await closeConnection(this.#connection);
  }

  #ping(): void {
    // A dead connection is found out by asking: `socketTimeout` then ends it, and it heals.
    if (this.#connection?.status === 'ready') this.#connection.ping().catch(() => undefined);
  }

  #receive(text: string): void {
    if (this.#early) {
      if (this.#early.length < mostEarly) this.#early.push(text);
      return;
    }
    const request = decodeRequest(text);
    const { worker, clock } = this.#place;
    if (!request || !isMeant(request, worker)) return;
    // Read late, by a worker that was busy: nobody waits for it, and it may have been asked again.
    if (request.expires !== undefined && request.expires < clock.now()) return;
    void this.#answer(request);
  }

  async #answer({ id, reply, command, args }: ControlRequest): Promise<void> {
    const { worker, prefix, publisher, log, carryOut } = this.#place;
    let text: string;
    try {
      text = answer({ v: controlVersion, id, worker, value: await carryOut(command, args) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const isExpected = error instanceof DtaskError || error instanceof NotSupported;
      if (isExpected) log.warn({ command }, `control: ${command}: ${message}`);
      else log.error({ command, err: error }, `control: ${command} failed`);
      text = answer({ v: controlVersion, id, worker, error: message });
    }
    // Without Redis nobody hears it.
    if (publisher.status === 'ready')
      await push(publisher, answerChannel(prefix, reply), text).catch(() => undefined);
  }
}

/** @throws TypeError when it is not JSON, RangeError when it is too long */
function answer(reply: ControlReply): string {
  const text = JSON.stringify(reply);
  if (text.length <= longest) return text;
  throw new RangeError(`the answer is too long to send: ${text.length} characters`);
}
