/** Gathers calls that are made at about the same time, and sends them as one message. */
import { randomUUID } from 'node:crypto';
import { encode } from '../codec/index.js';
import { PayloadTooLargeError } from '../errors.js';
import type { Call } from '../protocol/message.js';
import { commonKey, encodePacked, packedDepth, packMessage } from '../protocol/packed.js';

/** How the calls of a task are packed. */
export interface Packing {
  readonly kind: 'pack';
  /** Most calls in a message. */
  readonly size: number;
  /** Most bytes of arguments in a message. */
  readonly bytes: number;
  /** For how long the first call waits for others, in milliseconds; 0 for the turn of the event loop. */
  readonly wait: number;
}

/** Stores a message; resolves when Redis has it, after `onStored`. */
type Send = (call: Call, onStored: () => void) => Promise<unknown>;

/** A call that has come to its pack. */
interface Member {
  readonly call: Call;
  readonly text: string;
  readonly onStored: () => void;
  readonly resolve: (id: string) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The packs of an App's calls. A call gets its place, and with it its id, when it is made; it comes
 * to the pack when middleware and asynchronous checks have let it pass. One that comes too late, or
 * is another by then, goes by itself, under the id that it has.
 */
export class Packer {
  readonly #send: Send;
  /** Those that take calls, by what their calls have in common. */
  readonly #open = new Map<string, Pack>();
  /** Those that have not been sent. */
  readonly #unsent = new Set<Pack>();

  /** @param send of messages that are not packed any more */
  constructor(send: Send) {
    this.#send = send;
  }

  /** Gives a call its place in a pack; one that cannot be packed stays as it is. */
  seat(call: Call, packing: Packing): Call {
    if (call.delay > 0) return call;
    const { message } = call;
    let args: string;
    try {
      args = encodeArgs(call);
    } catch {
      // Its caller hears why when it is sent, unless it can go by itself.
      return call;
    }
    const bytes = Buffer.byteLength(args);
    if (bytes > packing.bytes) return call;
    const pack = this.#packFor(keyOf(call), bytes, packing);
    const place = pack.take(bytes);
    const id = `${pack.id}~p${place}`;
    const known = message.args;
    return {
      ...call,
      message: { ...message, id },
      join: (now, onStored) =>
        pack.add(now, place, now.message.args === known ? args : undefined, onStored),
    };
  }

  /** Sends what is gathered. */
  flush(): void {
    for (const pack of this.#unsent) pack.send();
  }

  #packFor(key: string, bytes: number, packing: Packing): Pack {
    const open = this.#open.get(key);
    if (open?.fits(bytes, packing)) return open;
    open?.close();
    const pack = new Pack(key, packing.size, this.#send, () => this.#unsent.delete(pack));
    this.#open.set(key, pack);
    this.#unsent.add(pack);
    pack.onClose = () => {
      if (this.#open.get(key) === pack) this.#open.delete(key);
    };
    pack.schedule(packing.wait);
    return pack;
  }
}

/** Where a call goes, and what it has in common with others. */
const keyOf = ({ message, queue, priority }: Call): string =>
  `${queue} ${priority} ${commonKey(message)}`;

/** @throws EncodeError where they cannot travel in a pack */
const encodeArgs = ({ message }: Call): string =>
  JSON.stringify(encode(message.args, 'args', packedDepth));

/** A UUID with one dash: the id of the first call is then as long as ids mostly are. */
function newPackId(): string {
  const id = randomUUID();
  return id.slice(0, 9) + id.slice(9).replaceAll('-', '');
}

/** One message in the making. */
class Pack {
  readonly id = newPackId();
  readonly #key: string;
  readonly #size: number;
  readonly #send: Send;
  readonly #onSent: () => void;
  readonly #members: Member[] = [];
  /** The next place. */
  #next = 0;
  /** How many calls have a place here, and come, as far as is known. */
  #expected = 0;
  #bytes = 0;
  #closed = false;
  #gone = false;
  #cancel: () => void = () => undefined;
  onClose: () => void = () => undefined;

  constructor(key: string, size: number, send: Send, onSent: () => void) {
    this.#key = key;
    this.#size = size;
    this.#send = send;
    this.#onSent = onSent;
  }

  /** Sends it at the end of the turn, or after some milliseconds. */
  schedule(wait: number): void {
    const send = (): void => this.send();
    if (wait > 0) {
      const timer = setTimeout(send, wait);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const immediate = setImmediate(send);
      this.#cancel = () => clearImmediate(immediate);
    }
  }

  fits(bytes: number, packing: Packing): boolean {
    return !this.#closed && this.#bytes + bytes <= packing.bytes;
  }

  /** Gives the next place. */
  take(bytes: number): number {
    const place = this.#next;
    this.#next += 1;
    this.#expected += 1;
    this.#bytes += bytes;
    if (this.#next >= this.#size) this.close();
    return place;
  }

  /** Gives no more places. */
  close(): void {
    this.#closed = true;
    this.onClose();
    this.#sendIfComplete();
  }

  /**
   * Takes a call in.
   *
   * @param args its arguments as JSON, unless they are others by now
   * @returns nothing where it has to go by itself
   */
  add(
    call: Call,
    place: number,
    args: string | undefined,
    onStored: () => void,
  ): Promise<unknown> | undefined {
    const text = this.#textOf(call, place, args);
    if (text === undefined) {
      this.#expected -= 1;
      this.#sendIfComplete();
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#members.push({ call, text, onStored, resolve, reject });
      this.#sendIfComplete();
    });
  }

  /** A call as it stands in the message; nothing where it cannot. */
  #textOf(call: Call, place: number, args: string | undefined): string | undefined {
    if (this.#gone || call.delay > 0 || keyOf(call) !== this.#key) return undefined;
    try {
      return encodePacked(place, args ?? encodeArgs(call), call.message);
    } catch {
      // By itself it may travel; or its caller hears why not.
      return undefined;
    }
  }

  /** No other call can come. */
  #sendIfComplete(): void {
    if (this.#closed && this.#members.length === this.#expected) this.send();
  }

  send(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#cancel();
    if (!this.#closed) this.close();
    this.#onSent();
    const [first, ...others] = this.#members;
    if (!first) return;
    if (others.length === 0) this.#sendAlone(first);
    else this.#sendAll(first);
  }

  #sendAlone({ call, onStored, resolve, reject }: Member): void {
    const { join: _join, ...alone } = call;
    this.#send(alone, onStored).then(() => resolve(call.message.id), reject);
  }

  #sendAll({ call }: Member): void {
    const members = this.#members;
    const texts = members.map(({ text }) => text);
    const { queue, priority } = call;
    const message = packMessage(this.id, call.message, texts);
    const onStored = (): void => {
      for (const member of members) member.onStored();
    };
    const packed = members.map((member) => member.call.message.id);
    this.#send({ message, queue, priority, delay: 0, packed }, onStored).then(
      () => {
        for (const { resolve, call: each } of members) resolve(each.message.id);
      },
      (error: unknown) => {
        // Middleware may have made them larger than they were.
        if (error instanceof PayloadTooLargeError) for (const one of members) this.#sendAlone(one);
        else for (const { reject } of members) reject(error);
      },
    );
  }
}
