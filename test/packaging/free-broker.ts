/** A port of loopback on which nothing listens. */
import net from 'node:net';

/** The address of a broker that is not there yet. */
export async function freeBroker(): Promise<string> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `redis://127.0.0.1:${port}/0`;
}
