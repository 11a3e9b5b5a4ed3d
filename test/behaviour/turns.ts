/** A relay in front of Redis that counts round trips: how often a client spoke again after a reply. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Turns implements AsyncDisposable {
  /** How often the direction went from reply to command. */
  count = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((client) => this.#relay(client, connect(port, '127.0.0.1')));
  }

  static async before(port: number): Promise<Turns> {
    const turns = new Turns(port);
    await new Promise<void>((resolve) => turns.#server.listen(0, '127.0.0.1', resolve));
    return turns;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}/0`;
  }

  #relay(client: Socket, redis: Socket): void {
    let replied = true;
    client.on('data', (chunk) => {
      if (replied) this.count += 1;
      replied = false;
      redis.write(chunk);
    });
    redis.on('data', (chunk) => {
      replied = true;
      client.write(chunk);
    });
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
