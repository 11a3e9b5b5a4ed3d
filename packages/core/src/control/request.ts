/** A request to workers and their reply, version 1, as they travel by PUBLISH. */
import type { Audience } from './audience.js';

/** The version that this code writes. */
export const controlVersion = 1;

/** What a caller asks of workers. */
export interface ControlRequest extends Audience {
  readonly v: number;
  readonly id: string;
  /** The caller process, whose channel gets the replies. */
  readonly reply: string;
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** When nobody waits for it any more, in milliseconds by the server's clock; absent is never. */
  readonly expires?: number;
}

/** What one worker replies: a value, or what went wrong. */
export interface ControlReply {
  readonly v: number;
  /** Of the request. */
  readonly id: string;
  readonly worker: string;
  readonly value?: unknown;
  readonly error?: string;
}

/** Reads a request; gives nothing for what is none, or of a later version. */
export function decodeRequest(text: string): ControlRequest | undefined {
  const data = parse(text);
  if (data?.['v'] !== controlVersion) return undefined;
  const { id, reply, command, args, expires, destination, pattern } = data;
  const isRequest =
    typeof id === 'string' &&
    typeof reply === 'string' &&
    typeof command === 'string' &&
    isRecord(args) &&
    (expires === undefined || typeof expires === 'number') &&
    (pattern === undefined || typeof pattern === 'string') &&
    (destination === undefined || Array.isArray(destination));
  return isRequest ? (data as unknown as ControlRequest) : undefined;
}

/** Reads a reply; gives nothing for what is none. */
export function decodeReply(text: string): ControlReply | undefined {
  const data = parse(text);
  if (data?.['v'] !== controlVersion) return undefined;
  const { id, worker, error } = data;
  const isReply =
    typeof id === 'string' &&
    typeof worker === 'string' &&
    (error === undefined || typeof error === 'string');
  return isReply ? (data as unknown as ControlReply) : undefined;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const data: unknown = JSON.parse(text);
    return isRecord(data) ? data : undefined;
  } catch {
    // Anybody may publish anything; what is not ours is passed over.
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
