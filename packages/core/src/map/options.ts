/** How a map is streamed. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { inOwnContext } from '../own-context.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { checkCallOptions } from '../task/call.js';
import { type CallOptions, callOptionKeys } from '../task/options.js';

/** How far a streamed map has come. */
export interface MapProgress {
  /** Items that have ended, well or not. */
  readonly done: number;
  /** Items that were read and sent. */
  readonly sent: number;
  /** Items that have failed for good. */
  readonly failed: number;
  /** Items that ended in each second so far. */
  readonly perSecond: number;
}

/** What becomes of an item where `onItemError` is `'collect'`. */
export type ItemResult<R> =
  | { readonly ok: true; readonly index: number; readonly value: R }
  | { readonly ok: false; readonly index: number; readonly error: Error };

/** The call options that go with the messages of a map. */
type ChunkOptions = Omit<CallOptions, 'id' | 'countdown' | 'eta' | 'ignoreResult' | 'unique'>;

/** How a map is streamed. Beside these it takes call options, which go with each message. */
export interface MapOptions extends ChunkOptions {
  /** Give the values in the order of the items; else as they come. @default true */
  ordered?: boolean;
  /**
   * How many chunks are on their way, or wait to be taken from the loop, at a time.
   * @default 8, or 4 for each live worker, whichever is more
   */
  concurrency?: number;
  /** How many items go into a message. `'auto'` fits them to `chunkTime`. @default 'auto' */
  chunkSize?: number | 'auto';
  /** How long a worker is to take for a chunk. @default '100ms' */
  chunkTime?: Duration;
  /** Largest chunk, in bytes of JSON; one item may be larger. @default 256 KiB */
  chunkBytes?: number;
  /**
   * What an item does that fails for good. `'throw'` ends the loop with a `MapItemError`;
   * `'collect'` gives `{ ok, value }` or `{ ok, error }` for each item; `'retry'` sends it again.
   * @default 'throw'
   */
  onItemError?: 'throw' | 'collect' | 'retry';
  /** With `'retry'`: how many times an item is sent again before it fails. @default 3 */
  maxItemRetries?: number;
  /**
   * A name for this run. Whoever runs the same map under the same name goes on where it stands:
   * what has been computed is not computed again, for as long as results are kept.
   */
  id?: string;
  /** With `id`: the first item that is wanted; those before it are passed over. @default 0 */
  from?: number;
  /**
   * Send a chunk a second time where it takes far longer than most. The first to end counts.
   * `true` is four times as long as the median, and a second at least.
   * @default false
   */
  speculate?: boolean | { after: Duration };
  /** Ends the loop with its reason. What is on its way is revoked. */
  signal?: AbortSignal;
  /** Hears how far it has come, whenever a chunk has ended. */
  onProgress?: (progress: MapProgress) => void;
}

/** What becomes of an item that fails for good. */
export type OnItemError = NonNullable<MapOptions['onItemError']>;

/** The options of a map, of which one decides what its stream gives. */
export type MapOptionsOf<E extends OnItemError> = MapOptions & { onItemError?: E };

/** What the stream of a map gives. */
export type Streamed<R, E extends OnItemError> = E extends 'collect' ? ItemResult<R> : R;

/** The same, checked. */
export interface MapSettings {
  readonly ordered: boolean;
  readonly concurrency: number | undefined;
  readonly chunkSize: number | undefined;
  readonly chunkTime: number;
  readonly chunkBytes: number;
  readonly onItemError: 'throw' | 'collect' | 'retry';
  readonly maxItemRetries: number;
  readonly id: string | undefined;
  readonly from: number;
  /** When a chunk is sent a second time, in milliseconds; 0 is by the median. */
  readonly speculate: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: MapProgress) => void) | undefined;
  readonly call: CallSettings;
}

const streamKeys = [
  'ordered',
  'concurrency',
  'chunkSize',
  'chunkTime',
  'chunkBytes',
  'onItemError',
  'maxItemRetries',
  'id',
  'from',
  'speculate',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof MapOptions)[];

const refused: readonly string[] = ['countdown', 'eta', 'ignoreResult', 'unique'];
const chunkKeys = callOptionKeys.filter((key) => key !== 'id' && !refused.includes(key));

/**
 * Checks the options of a map.
 *
 * @throws ConfigError which names the option, what it may be, and what it was
 */
export function checkMapOptions(options: MapOptions, what: string): MapSettings {
  refuseUnknown(options as Record<string, unknown>, [...streamKeys, ...chunkKeys], what);
  const { chunkSize = 'auto', chunkTime = 100, signal, onProgress, id, from } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new ConfigError(`signal must be an AbortSignal, got ${show(signal)}`);
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new ConfigError(`onProgress must be a function, got ${show(onProgress)}`);
  if (from !== undefined && id === undefined)
    throw new ConfigError('from goes with id: the id of the run whose later items are wanted');
  const given = Object.entries(options).filter(([key]) => chunkKeys.some((one) => one === key));
  const call = checkCallOptions({ ...Object.fromEntries(given), ...(id !== undefined && { id }) });
  return {
    ordered: flag(options.ordered ?? true, 'ordered'),
    concurrency: whole(options.concurrency, 1, 'concurrency'),
    chunkSize: chunkSize === 'auto' ? undefined : whole(chunkSize, 1, 'chunkSize'),
    chunkTime: Math.max(1, toMilliseconds(chunkTime, 'chunkTime')),
    chunkBytes: whole(options.chunkBytes, 1, 'chunkBytes') ?? 256 * 1024,
    onItemError: errorMode(options.onItemError ?? 'throw'),
    maxItemRetries: whole(options.maxItemRetries, 0, 'maxItemRetries') ?? 3,
    id: call.id,
    from: whole(from, 0, 'from') ?? 0,
    speculate: speculation(options.speculate ?? false),
    signal,
    onProgress: onProgress && inOwnContext(onProgress),
    call,
  };
}

function whole(value: unknown, least: number, what: string): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw new ConfigError(`${what} must be a whole number of at least ${least}, got ${show(value)}`);
}

function flag(value: unknown, what: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new ConfigError(`${what} must be true or false, got ${show(value)}`);
}

function errorMode(value: unknown): MapSettings['onItemError'] {
  if (value === 'throw' || value === 'collect' || value === 'retry') return value;
  throw new ConfigError(`onItemError must be 'throw', 'collect' or 'retry', got ${show(value)}`);
}

function speculation(value: unknown): number | undefined {
  if (value === false) return undefined;
  if (value === true) return 0;
  if (typeof value === 'object' && value !== null && 'after' in value) {
    refuseUnknown(value as Record<string, unknown>, ['after'], 'speculate');
    return Math.max(1, toMilliseconds(value.after as Duration, 'speculate.after'));
  }
  throw new ConfigError(`speculate must be true, false or { after }, got ${show(value)}`);
}
