/** An ioredis client that leaves nothing behind when its connection closes, takes none for dead that is not, and uses no other database than its own. */
import { type Command, Redis, type RedisOptions, ReplyError } from 'ioredis';
import type { Question } from './question.js';

/** What ioredis does when a connection has closed. */
interface Closing {
  setStatus(status: 'end'): void;
  flushQueue(error: Error): void;
  readonly connector: { stream?: unknown };
  /** What was on its way when the connection broke, and is to be sent again on the next one. */
  prevCommandQueue: Unanswered | null;
}

/** Commands that wait for their replies. */
interface Unanswered {
  shift(): { readonly command: { reject: (error: Error) => void } } | undefined;
}

const closedError = (): Error => new Error('Connection is closed.');

/** How ioredis watches a connection that owes it replies. */
interface Watching {
  socketTimeoutTimer?: NodeJS.Timeout | undefined;
  setSocketTimeout: () => void;
  readonly commandQueue: { readonly length: number };
}

/** The end of the time without a reply, in which what has come while the process computed is heard. */
const hearing = 500;

/** A command that was sent, as ioredis keeps it. */
export type Item = Parameters<Redis['handleReconnection']>[1];

/** Commands whose arguments are secrets. */
const secretive: ReadonlySet<string> = new Set(['auth', 'hello']);

/** Thrown at a connection whose database the server does not have, or does not give to its user. */
export class DatabaseRefusedError extends (ReplyError as ErrorConstructor) {
  constructor(database: number | string, { message }: Error) {
    super(
      `SELECT ${database}: ${message}; the address must name a database that the server has and gives to its user`,
    );
  }
}

/** Those that were ended for good. A client connects in its constructor, when it has no fields of its own yet. */
const dropped = new WeakSet<Redis>();
const asker = Symbol('asker');

/** A command, and what it belongs to. */
type Asked = Command & { [asker]?: Question };
type Stream = Parameters<Redis['sendCommand']>[1];

/** A command that counts how often it was written. */
export interface Refusable {
  /** A server has refused it that is not the one any more: it is as if it had not been written. */
  refused: () => void;
}

/** What a command belongs to, if that is a question. */
export const questionOf = (command: Command): Question | undefined => (command as Asked)[asker];

/** A client of one server. */
export class HealingRedis extends Redis {
  #asking: Question | undefined;

  constructor(options: RedisOptions) {
    super(options);
    const watching = this as unknown as Watching;
    watching.setSocketTimeout = () => this.#watch(watching);
    // ioredis leaves the timer of `socketTimeout` running when a connection closes: it would keep
    // the process alive, or cut the next connection short.
    this.on('close', () => {
      clearTimeout(watching.socketTimeoutTimer);
      watching.socketTimeoutTimer = undefined;
    });
    // ioredis forgets these where a try to connect has failed in between: they would wait for ever.
    this.on('end', () => {
      const inner = this as unknown as Closing;
      const unanswered = inner.prevCommandQueue;
      inner.prevCommandQueue = null;
      for (let item = unanswered?.shift(); item; item = unanswered?.shift())
        item.command.reject(closedError());
    });
  }

  /**
   * Ends the connection when it owes replies and says nothing for `socketTimeout`. After a process has
   * computed for that long, timers come ahead of what was received meanwhile. ioredis would end the
   * connection and send again what was answered long ago: a task that has run would run once more.
   */
  #watch(watching: Watching): void {
    const { stream } = this;
    const { socketTimeout = 0 } = this.options;
    const end = (): void => {
      watching.socketTimeoutTimer = undefined;
      stream.destroy(new Error(`Redis has said nothing for ${socketTimeout} ms`));
    };
    const listen = (): void => {
      watching.socketTimeoutTimer = setTimeout(end, Math.min(hearing, socketTimeout / 2));
    };
    const first = Math.max(socketTimeout - hearing, socketTimeout / 2);
    watching.socketTimeoutTimer = setTimeout(listen, first);
    // Behind ioredis' own listener, which takes the commands from the queue that were answered.
    stream.once('data', () => {
      clearTimeout(watching.socketTimeoutTimer);
      watching.socketTimeoutTimer = undefined;
      if (watching.commandQueue.length > 0) this.#watch(watching);
    });
  }

  /** Sends commands that belong to a question: what is dropped is not sent again on the next connection. */
  asks<R>(question: Question, commands: () => R): R {
    this.#asking = question;
    try {
      return commands();
    } finally {
      this.#asking = undefined;
    }
  }

  /** ioredis calls this also for what was not answered when a connection closed. */
  override sendCommand(command: Command, stream?: Stream): unknown {
    if (this.#asking) (command as Asked)[asker] = this.#asking;
    else if (questionOf(command)?.dropped) {
      command.reject(new Error('nobody waits for the answer any more'));
      return command.promise;
    }
    return super.sendCommand(command, stream);
  }

  /** ioredis leaves a client that waits for its next try as it is: who waits for it waits for ever. */
  override disconnect(reconnect = false): void {
    const waits = this.status === 'reconnecting' && !reconnect;
    const inner = this as unknown as Closing;
    // Its socket has closed: ioredis would wait two seconds for that, and the process with it.
    if (waits) delete inner.connector.stream;
    super.disconnect(reconnect);
    if (!waits) return;
    inner.setStatus('end');
    inner.flushQueue(closedError());
  }

  /** Ends for good, at once: what waits is rejected, and nobody brings it back. */
  drop(): void {
    if (dropped.has(this)) return;
    dropped.add(this);
    this.disconnect();
    // A half-open socket never ends by being asked to.
    (this.stream as Redis['stream'] | undefined)?.destroy();
  }

  /** BullMQ brings back what was disconnected, as its own connection is, now and then. */
  override connect(callback?: () => void): Promise<void> {
    return dropped.has(this) ? Promise.reject(closedError()) : super.connect(callback);
  }

  /**
   * ioredis selects the database of the address when it connects, and where that is refused goes on
   * with database 0, which is somebody else's. Here the connection is given up, as where a password is wrong.
   */
  override select(database: number | string): Promise<'OK'> {
    const reply = super.select(database).catch((error: unknown) => {
      // The connection broke ahead of the reply: the next one asks again.
      if (!(error instanceof (ReplyError as ErrorConstructor))) throw error;
      const refused = new DatabaseRefusedError(database, error);
      this.recoverFromFatalError(refused, refused, {});
      this.emit('refused', refused);
      throw refused;
    });
    // ioredis does not always look at it.
    reply.catch(() => undefined);
    return reply;
  }

  /** ioredis asks this for every error that the server answers with, and shows the command in each. */
  override handleReconnection(error: Error, item: Item): void {
    if (secretive.has(item.command.name)) delete (error as { command?: unknown }).command;
    super.handleReconnection(error, item);
  }

  /** BullMQ makes its blocking connection this way. */
  override duplicate(override: Partial<RedisOptions> = {}): HealingRedis {
    return new HealingRedis({ ...this.options, ...override });
  }
}
