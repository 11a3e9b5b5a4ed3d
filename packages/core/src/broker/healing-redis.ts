/** An ioredis client that leaves nothing behind when its connection closes. */
import { Redis, type RedisOptions } from 'ioredis';

/** What ioredis does when a connection has closed. */
interface Closing {
  setStatus(status: 'end'): void;
  flushQueue(error: Error): void;
  readonly connector: { stream?: unknown };
}

/** A client of one server. */
export class HealingRedis extends Redis {
  constructor(options: RedisOptions) {
    super(options);
    // ioredis leaves the timer of `socketTimeout` running when a connection closes: it would keep
    // the process alive, or cut the next connection short.
    this.on('close', () => {
      const timed = this as unknown as { socketTimeoutTimer?: NodeJS.Timeout | undefined };
      clearTimeout(timed.socketTimeoutTimer);
      timed.socketTimeoutTimer = undefined;
    });
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
    inner.flushQueue(new Error('Connection is closed.'));
  }

  /** BullMQ makes its blocking connection this way. */
  override duplicate(override: Partial<RedisOptions> = {}): HealingRedis {
    return new HealingRedis({ ...this.options, ...override });
  }
}
