/** The options of the embedded engine: their defaults, and the one place where they are checked. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { EmbeddedError } from './errors.js';

export type EngineChoice = 'auto' | 'native' | 'wasm';

/** How to start an embedded engine. Every key may be left out. */
export interface EmbeddedOptions {
  /**
   * Address to listen on: an IP address or `localhost`.
   * @default '127.0.0.1'
   */
  host?: string;
  /**
   * TCP port; 0 takes any free one.
   * @default 0
   */
  port?: number;
  /**
   * `native` runs `valkey-server` or `redis-server` from `PATH`, `wasm` runs Valkey in WebAssembly,
   * `auto` takes a native server where there is one. `DTASK_EMBEDDED_ENGINE` sets the default.
   * @default 'auto'
   */
  engine?: EngineChoice;
  /**
   * Folder in which a native server keeps its data (`<dir>/redis`, an append-only file), relative to the
   * current folder; `false` keeps nothing on disk. One running engine per folder. Without effect on `wasm`.
   * @default '.dtask'
   */
  dir?: string | false;
  /**
   * How long to wait for the engine to answer, in milliseconds.
   * @default 10000
   */
  startTimeout?: number;
}

/** Options after the door: complete, checked, the folder absolute. */
export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  readonly engine: EngineChoice;
  /** Whether the caller's own options, not the environment nor a default, say `wasm`. */
  readonly wasmNamed: boolean;
  readonly dir: string | false;
  readonly startTimeout: number;
}

const DEFAULTS = Object.freeze({
  host: '127.0.0.1',
  port: 0,
  engine: 'auto',
  dir: '.dtask',
  startTimeout: 10_000,
} satisfies Required<EmbeddedOptions>);

/** A timer of Node wraps round to 1 ms beyond this. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Fills in defaults and refuses what cannot be used. Throws an `EmbeddedError` with code `EMBEDDED_OPTIONS`. */
export function resolveOptions(options: EmbeddedOptions, env: NodeJS.ProcessEnv): ResolvedOptions {
  for (const key of Object.keys(options)) {
    if (!(key in DEFAULTS))
      refuse(`option "${key}" is unknown; known are ${Object.keys(DEFAULTS).join(', ')}`);
  }
  const dir = options.dir ?? DEFAULTS.dir;
  if (dir !== false && (typeof dir !== 'string' || dir === ''))
    wrong('dir', 'a folder or false', dir);
  return Object.freeze({
    host: checkHost(options.host ?? DEFAULTS.host),
    port: checkPort(options.port ?? DEFAULTS.port),
    engine: checkEngine(options.engine, env['DTASK_EMBEDDED_ENGINE']),
    wasmNamed: options.engine === 'wasm',
    dir: dir === false ? false : resolve(dir),
    startTimeout: checkTimeout(options.startTimeout ?? DEFAULTS.startTimeout),
  });
}

function checkHost(host: string): string {
  // Names are refused on purpose: the native servers and Node may resolve one to different addresses.
  if (host === 'localhost') return '127.0.0.1';
  return typeof host === 'string' && isIP(host) !== 0
    ? host
    : wrong('host', 'an IP address or localhost', host);
}

function checkPort(port: number): number {
  return Number.isInteger(port) && port >= 0 && port <= 65_535
    ? port
    : wrong('port', 'a whole number from 0 to 65535', port);
}

function checkEngine(given: EngineChoice | undefined, fromEnv: string | undefined): EngineChoice {
  const [name, value] =
    given === undefined ? ['DTASK_EMBEDDED_ENGINE', fromEnv || DEFAULTS.engine] : ['engine', given];
  if (value === 'auto' || value === 'native' || value === 'wasm') return value;
  return wrong(name, "'auto', 'native' or 'wasm'", value);
}

function checkTimeout(ms: number): number {
  return Number.isFinite(ms) && ms >= 1 && ms <= LONGEST_TIMER
    ? ms
    : wrong('startTimeout', `a number of milliseconds from 1 to ${LONGEST_TIMER}`, ms);
}

function wrong(name: string, expected: string, got: unknown): never {
  return refuse(`${name} must be ${expected}, got: ${JSON.stringify(got) ?? String(got)}`);
}

function refuse(message: string): never {
  throw new EmbeddedError('EMBEDDED_OPTIONS', message);
}
