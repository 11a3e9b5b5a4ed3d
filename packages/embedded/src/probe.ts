/** Asks a server whether it serves: one PING and one INFO over a socket of its own, with no Redis client. */
import { connect } from 'node:net';

/** What a serving engine says of itself. */
export interface ServerInfo {
  readonly version: string;
  readonly processId: number | undefined;
}

const PROBE_TIMEOUT_MS = 1_000;

/** Resolves to what the server says, or to undefined while it does not serve (refused, loading, silent). Never rejects. */
export function askServer(host: string, port: number): Promise<ServerInfo | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port });
    const end = (answer: ServerInfo | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(undefined));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    // INFO alone would not do: a server that still loads its file answers INFO, but PING with an error.
    socket.write('PING\r\nINFO server\r\n');
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += String(chunk);
      if (text.startsWith('-')) end(undefined);
      else if (isComplete(text)) end(parseInfo(text));
    });
  });
}

/** True when both replies are there: `+PONG`, then a bulk string whose header gives its length. */
function isComplete(text: string): boolean {
  const header = /^\+PONG\r\n\$(\d+)\r\n/.exec(text);
  return header !== null && text.length >= header[0].length + Number(header[1]) + 2;
}

function parseInfo(text: string): ServerInfo {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:(.+?)\\r?$`, 'm').exec(text)?.[1];
  const processId = Number(field('process_id'));
  return {
    // Valkey reports the Redis version that it is compatible with as redis_version; its own is the one to show.
    version: field('valkey_version') ?? field('redis_version') ?? 'unknown',
    processId: Number.isInteger(processId) && processId > 0 ? processId : undefined,
  };
}

/** The address to dial for a server that listens on `host`: a wildcard can be listened on but not called. */
export function dialHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
