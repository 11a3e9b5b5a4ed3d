/** The one error that this package throws, with a stable code for each cause. */

/**
 * What went wrong, for programs to branch on.
 *
 * - `EMBEDDED_OPTIONS`: an option is unknown or has a value that cannot be used.
 * - `EMBEDDED_REFUSED`: the WebAssembly engine was about to start where `NODE_ENV` is `production`.
 * - `EMBEDDED_NOT_FOUND`: a native server was asked for and none is on `PATH`.
 * - `EMBEDDED_PORT_TAKEN`: another program listens on the port.
 * - `EMBEDDED_DIR_TAKEN`: another running engine writes to the same data folder.
 * - `EMBEDDED_START`: the engine did not come up; the message carries its own reason.
 * - `EMBEDDED_LOST`: the engine ended on its own while it was in use.
 */
export type EmbeddedErrorCode =
  | 'EMBEDDED_OPTIONS'
  | 'EMBEDDED_REFUSED'
  | 'EMBEDDED_NOT_FOUND'
  | 'EMBEDDED_PORT_TAKEN'
  | 'EMBEDDED_DIR_TAKEN'
  | 'EMBEDDED_START'
  | 'EMBEDDED_LOST';

/**
 * Thrown when the embedded engine cannot be started, and handed out by `Embedded.lost` when a running one ends.
 *
 * @example
 * try {
 *   await startEmbedded({ port: 6379 });
 * } catch (error) {
 *   if (error instanceof EmbeddedError && error.code === 'EMBEDDED_PORT_TAKEN') useTheOneThatRuns();
 *   else throw error;
 * }
 */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The port is in use: said alike by every engine. */
export function portTaken(host: string, port: number): EmbeddedError {
  return new EmbeddedError(
    'EMBEDDED_PORT_TAKEN',
    `port ${port} on ${host} is taken by another program; stop it, or give another port (0 picks a free one)`,
  );
}

/** Any thrown value as text, for the "what was got" part of a message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
