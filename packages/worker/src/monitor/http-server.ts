/** The HTTP server of a worker: a few fixed pages for orchestrators, and nothing else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartupError } from '@dtask/core';

/** An answer. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The pages, by their path. */
export type Pages = Readonly<Record<string, () => Page | Promise<Page>>>;

/** An answer in JSON. */
export const json = (status: number, value: object): Page => ({
  status,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
});

/** An answer in plain text. */
export const plain = (status: number, text: string): Page => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${text}\n`,
});

/** Longest that a request may take to arrive, and an idle connection to say more, in milliseconds. */
const patience = 5_000;
/** Most connections at a time: a prober and a scraper have one each. */
const mostConnections = 64;

/** Serves pages. Of anything unexpected it says no more than what HTTP has a word for. */
export class HttpServer {
  readonly #server: Server;
  readonly #pages: Pages;
  readonly #onError: (error: unknown) => void;

  /** @param onError hears of pages that could not be made, and of the server's own trouble */
  constructor(pages: Pages, onError: (error: unknown) => void) {
    this.#pages = pages;
    this.#onError = onError;
    const limits = {
      requestTimeout: patience,
      headersTimeout: patience,
      keepAliveTimeout: patience,
      connectionsCheckingInterval: patience,
    };
    this.#server = createServer(limits, (request, response) => {
      void this.#answer(request, response);
    });
    this.#server.maxConnections = mostConnections;
  }

  /**
   * Begins to listen.
   *
   * @returns the address, such as `http://127.0.0.1:9100`
   * @throws StartupError when the port cannot be had
   */
  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(refusal(error, host, port)));
      this.#server.listen({ host, port }, resolve);
    });
    this.#server.removeAllListeners('error');
    this.#server.on('error', this.#onError);
    const { address, family, port: taken } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
  }

  /** Ends it, with the connections that are open. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body } = await this.#page(request);
    response.writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...(status === 405 && { Allow: 'GET, HEAD' }),
    });
    // To a HEAD request Node sends no body.
    response.end(body);
  }

  async #page({ method, url = '' }: IncomingMessage): Promise<Page> {
    const [path = ''] = url.split('?', 1);
    const make = Object.hasOwn(this.#pages, path) ? this.#pages[path] : undefined;
    if (!make) return plain(404, 'not found');
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD');
    try {
      return await make();
    } catch (error) {
      this.#onError(error);
      return plain(500, 'this page could not be made; the log of the worker says why');
    }
  }
}

/** Without its cause, whose stack leads into Node alone. */
function refusal({ code, message }: NodeJS.ErrnoException, host: string, port: number): Error {
  const reason =
    code === 'EADDRINUSE'
      ? 'another process has it; give another with --http-port, or 0 for any free one'
      : `${message}; look at --http-port and --http-host`;
  return new StartupError(`port ${port} of ${host} cannot be opened: ${reason}`);
}
