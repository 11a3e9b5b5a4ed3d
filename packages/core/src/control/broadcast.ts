/** Asks workers, and gathers what they answer. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { push } from '../broker/pushes.js';
import { answerChannel, controlChannel } from '../protocol/keys.js';
import { type Audience, type CheckedAsk, isMeant } from './audience.js';
import { liveWorkers } from './live-workers.js';
import { controlVersion, type ControlReply, type ControlRequest, decodeReply } from './request.js';

/** What a Broadcast needs of its App. */
export interface BroadcastPlace {
  readonly prefix: string;
  /** The name of this process on its channels. */
  readonly caller: string;
  /** Runs commands on the App's connection. */
  readonly ask: <R>(what: string, commands: (connection: Redis) => Promise<R>) => Promise<R>;
  /** Hears a channel; resolves when Redis has confirmed that this process does. */
  readonly hear: (
    channel: string,
    listener: (text: string) => void,
    what: string,
  ) => Promise<unknown>;
}

/** How a request differs from the usual. */
export interface RequestKind {
  /** It is carried out however late it is read: what it asks for can be done twice. */
  readonly lasting?: boolean;
}

/** A request whose answers are gathered. */
interface Gathering {
  readonly expected: Set<string>;
  readonly replies: Map<string, ControlReply>;
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

/**
 * Publishes requests and gathers replies. Workers that live are known, so that a request takes as
 * long as the slowest of them, and no timeout. Nothing is stored in Redis.
 */
export class Broadcast {
  readonly #place: BroadcastPlace;
  readonly #gatherings = new Map<string, Gathering>();

  constructor(place: BroadcastPlace) {
    this.#place = place;
  }

  /**
   * Asks the workers that live for something.
   *
   * @returns the replies that came in time, by the worker's name, in the order of names
   * @throws BrokerError when Redis does not answer
   */
  async ask(
    command: string,
    args: Readonly<Record<string, unknown>>,
    { audience, wait }: CheckedAsk,
    kind: RequestKind = {},
  ): Promise<Map<string, ControlReply>> {
    const { prefix, caller, ask, hear } = this.#place;
    const what = `workers were not asked for ${command}`;
    const [live] = await Promise.all([
      ask(what, (connection) => liveWorkers(connection, prefix)),
      // Asked each time: the answer shows that the connection lives.
      hear(answerChannel(prefix, caller), (text) => this.#receive(text), what),
    ]);
    const request: ControlRequest = {
      v: controlVersion,
      id: randomUUID(),
      reply: caller,
      command,
      args,
      ...audience,
      ...(!kind.lasting && { expires: live.now + wait }),
    };
    const publish = (): Promise<unknown> =>
      ask(what, (connection) =>
        push(connection, controlChannel(prefix, connection.options.db), JSON.stringify(request)),
      );
    return this.#gather(request.id, expectedOf(live.names, audience), wait, publish);
  }

  /** The names of the workers that live. */
  async live(): Promise<readonly string[]> {
    const { prefix, ask } = this.#place;
    const live = await ask('the workers were not read', (connection) =>
      liveWorkers(connection, prefix),
    );
    return live.names;
  }

  /** Ends every wait with an error. */
  close(error: Error): void {
    for (const { fail } of this.#gatherings.values()) fail(error);
  }

  #gather(
    id: string,
    expected: Set<string>,
    wait: number,
    publish: () => Promise<unknown>,
  ): Promise<Map<string, ControlReply>> {
    return new Promise((resolve, reject) => {
      const replies = new Map<string, ControlReply>();
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#gatherings.delete(id);
        finish();
      };
      const end = (): void => settle(() => resolve(inOrder(replies)));
      const fail = (error: Error): void => settle(() => reject(error));
      const timer = setTimeout(end, wait);
      this.#gatherings.set(id, { expected, replies, end, fail });
      // With nobody to wait for it is sent all the same: a worker may just be coming back.
      publish().then(() => {
        if (expected.size === 0) end();
      }, fail);
    });
  }

  #receive(text: string): void {
    const reply = decodeReply(text);
    const gathering = reply && this.#gatherings.get(reply.id);
    if (!gathering) return;
    gathering.replies.set(reply.worker, reply);
    gathering.expected.delete(reply.worker);
    if (gathering.expected.size === 0) gathering.end();
  }
}

const expectedOf = (names: readonly string[], audience: Audience): Set<string> =>
  new Set(names.filter((name) => isMeant(audience, name)));

function inOrder(replies: Map<string, ControlReply>): Map<string, ControlReply> {
  return new Map([...replies].sort(([one], [other]) => (one < other ? -1 : 1)));
}
