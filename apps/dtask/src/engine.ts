/** `--embedded`: a Redis at the broker's address, where none listens. */
import net from 'node:net';
import { parseAddress } from '@dtask/core/internal';
import { ConfigError } from '@dtask/core';
import { type Embedded, startEmbedded } from '@dtask/embedded';

/**
 * Starts an engine at a broker's address; gives nothing where a server is there already.
 *
 * @throws ConfigError when the address is not on this machine, EmbeddedError when it cannot start
 */
export async function engineFor(broker: string): Promise<Embedded | undefined> {
  const { host, port, tls, password } = parseAddress(broker);
  if (await listens(host, port)) return undefined;
  if (!['127.0.0.1', 'localhost', '::1'].includes(host) || tls || password) {
    throw new ConfigError(
      `--embedded starts a Redis on this machine, without TLS or a password; the broker is at ${host}:${port}`,
    );
  }
  return startEmbedded({ host, port });
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 1_000 });
    const settle = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once('connect', settle(true))
      .once('error', settle(false))
      .once('timeout', settle(false));
  });
}
