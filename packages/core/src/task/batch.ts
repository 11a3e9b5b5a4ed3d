/** What a task says of its calls being taken together, checked. */
import { refuseUnknown } from '../config/resolve.js';
import type { Packing } from '../broker/packer.js';
import { bytes, integer, show } from '../config/setting.js';
import { type Duration, longestTimer, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';

/** How calls of an ordinary task are packed into messages. */
export interface PackOptions {
  readonly gather?: false;
  /** Most calls in a message. @default 50 */
  readonly size?: number;
  /** Most bytes of arguments in a message: a number, or a text such as `'64KB'`. @default '64KB' */
  readonly bytes?: number | string;
  /**
   * For how long a first call waits for others. 0 waits for the end of the event loop's turn: what
   * a loop, or an answer from elsewhere, calls at once goes together.
   * @default 0
   */
  readonly wait?: Duration;
}

const size = integer({ default: 50, env: '', doc: '', minimum: 1 });
const room = bytes({ default: 64 * 1024, env: '', doc: '' });

/** How a worker gathers calls of a task that takes many of them at a time. */
export interface GatherOptions {
  readonly gather: true;
  /** Most calls that the task gets at a time. @default 32 */
  readonly size?: number;
  /** For how long a worker waits for others when it has taken a first call. @default '50ms' */
  readonly wait?: Duration;
}

/** How the calls of a task are taken together. */
export type BatchOptions = PackOptions | GatherOptions;

/** How a worker gathers calls, checked. */
export interface Gathering {
  readonly kind: 'gather';
  readonly size: number;
  /** In milliseconds. */
  readonly wait: number;
}

/**
 * Why each option is refused beside `batch`: what it says is said of single messages, and calls
 * would be held back, or dropped, as a whole.
 */
const contradictions: readonly (readonly [string, string])[] = [
  ['rateLimit', 'a rate lets messages start one by one'],
  ['maxConcurrency', 'a place among those that run is taken by one message'],
  ['unique', 'each call has to be looked for in Redis by itself'],
  ['countdown', 'what waits for its time waits by itself'],
];

/**
 * Checks the option `batch` of a task.
 *
 * @throws ConfigError which names what is wrong, or what it cannot be combined with
 */
export function batchOf(
  options: Readonly<Record<string, unknown>>,
  what: string,
): Packing | Gathering | undefined {
  const { batch = false } = options as { readonly batch?: boolean | BatchOptions };
  if (batch === false) return undefined;
  if (batch !== true && (typeof batch !== 'object' || batch === null))
    throw new ConfigError(`${what}: batch must be true, false or an object, got ${show(batch)}`);
  if (batch !== true && batch.gather) return gatheringOf(batch, options, what);
  for (const [key, why] of contradictions)
    if (options[key] !== undefined && options[key] !== false) throw contradiction(what, key, why);
  if (options['delivery'] === 'at-most-once')
    throw contradiction(
      what,
      "delivery: 'at-most-once'",
      'when a worker dies, nobody knows which calls of a message had begun',
    );
  const given = batch === true ? {} : batch;
  refuseUnknown(
    given as Record<string, unknown>,
    ['gather', 'size', 'bytes', 'wait'],
    `the batch of ${what}`,
  );
  return {
    kind: 'pack',
    size: given.size === undefined ? size.default : size.parse(given.size, 'batch.size'),
    bytes: given.bytes === undefined ? room.default : room.parse(given.bytes, 'batch.bytes'),
    wait: waitOf(given.wait ?? 0),
  };
}

function gatheringOf(
  given: GatherOptions,
  options: Readonly<Record<string, unknown>>,
  what: string,
): Gathering {
  refuseUnknown({ ...given }, ['gather', 'size', 'wait'], `the batch of ${what}`);
  if (options['maxConcurrency'] !== undefined) {
    const why = 'calls that wait for others would hold the places of those that run';
    throw contradiction(what, 'maxConcurrency', why);
  }
  return {
    kind: 'gather',
    size: given.size === undefined ? 32 : size.parse(given.size, 'batch.size'),
    wait: waitOf(given.wait ?? 50),
  };
}

const waitOf = (wait: Duration): number =>
  Math.min(toMilliseconds(wait, 'batch.wait'), longestTimer);

const contradiction = (what: string, key: string, why: string): ConfigError =>
  new ConfigError(
    `${what}: batch cannot be combined with ${key}, because ${why}; leave one of them out`,
  );
