/** Finds a free port, or tells why a given one cannot be had. */
import { createServer, type AddressInfo } from 'node:net';
import { EmbeddedError, portTaken } from './errors.js';

/**
 * Listens on the port and lets go of it again; resolves to its number (for port 0, the one the system gave).
 * Throws `EMBEDDED_PORT_TAKEN` when another program has it, `EMBEDDED_START` when it cannot be listened on.
 */
export async function tryPort(host: string, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port)));
    server.listen({ host, port }, resolve);
  });
  const found = (server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return found;
}

/** Turns what `listen` failed with into this package's error. */
export function listenError(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
): EmbeddedError {
  if (error.code === 'EADDRINUSE') return portTaken(host, port);
  const advice =
    error.code === 'EACCES'
      ? 'ports below 1024 need rights that this program has not; give a higher one'
      : 'give a host that is an address of this machine';
  return new EmbeddedError(
    'EMBEDDED_START',
    `cannot listen on ${host} port ${port}: ${error.message}; ${advice}`,
    {
      cause: error,
    },
  );
}
