/** What the starting process and its engine process say to each other over their IPC channel. */
import type { EmbeddedErrorCode } from '../errors.js';

/** The server process exists, though it does not serve yet: from here on its pid must not be forgotten. */
export interface SpawnedMessage {
  readonly type: 'spawned';
  readonly pid: number;
}

/** The engine serves. */
export interface ReadyMessage {
  readonly type: 'ready';
  readonly port: number;
  readonly pid: number;
  readonly version: string;
}

/** The engine could not be started; the sender ends after this. */
export interface FailedMessage {
  readonly type: 'failed';
  readonly code: EmbeddedErrorCode;
  readonly message: string;
}

/** The engine served and has ended on its own; the sender ends after this. */
export interface LostMessage {
  readonly type: 'lost';
  readonly reason: string;
}

export type ChildMessage = SpawnedMessage | ReadyMessage | FailedMessage | LostMessage;

/** What the starting process says first, once: the config of the engine. */
export interface StartMessage {
  readonly type: 'start';
  readonly config: WasmConfig | GuardianConfig;
}

/** What it says last. */
export const STOP = Object.freeze({ type: 'stop' });

/** What the WebAssembly engine process is given. */
export interface WasmConfig {
  readonly host: string;
  readonly port: number;
}

/** What the guardian of a native server is given. */
export interface GuardianConfig {
  readonly command: string;
  readonly host: string;
  readonly port: number;
  readonly dir: string | false;
  readonly startTimeout: number;
  /** Pid of the starting process, written into the folder's lock. */
  readonly owner: number;
}
