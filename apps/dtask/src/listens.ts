/** Whether anything listens at an address. */
import net from 'node:net';

/** Longest wait for an answer, in milliseconds. */
const patience = 1_000;

/** Resolves to whether a server takes a connection there. */
export function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: patience });
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
