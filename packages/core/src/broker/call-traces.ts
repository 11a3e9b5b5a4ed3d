/** By what it is known that a call was taken, when it is written again. */
import type { AppConfig } from '../config/resolve.js';
import { jobKey, resultKey } from '../protocol/keys.js';
import { type Call, leastTrace, type Message } from '../protocol/message.js';
import { packOf } from '../protocol/pack.js';
import { packTask } from '../protocol/packed.js';
import type { Traces } from './adding.js';
import type { ServerClock } from './server-clock.js';
import type { Doubt } from './taken.js';

/** What traces need of those who send. */
export interface TracesPlace {
  readonly config: Pick<AppConfig, 'prefix' | 'resultExpires' | 'sendTimeout'>;
  readonly clock: ServerClock;
  /** Whether a task is known here as one that may run more than once. */
  readonly mayRunTwice: (task: string) => boolean;
}

/** Those of one call. They are asked for where it is written again, and else only made. */
export class CallTraces implements Traces {
  readonly #place: TracesPlace;
  readonly #call: Call;
  readonly #queue: string;
  readonly isNamed: boolean;

  constructor(place: TracesPlace, call: Call, queue: string) {
    this.#place = place;
    this.#call = call;
    this.#queue = queue;
    this.isNamed = call.isNamed ?? false;
  }

  get clock(): ServerClock {
    return this.#place.clock;
  }

  get record(): string {
    const { message, packed } = this.#call;
    return resultKey(this.#place.config.prefix, packed?.[0] ?? message.id);
  }

  get job(): string {
    return jobKey(this.#place.config.prefix, this.#queue, packOf(this.#call.message.id));
  }

  doubt(): Doubt {
    const { message, packed } = this.#call;
    if (!packed && keepsRecord(message, this.#place.config)) return 'kept';
    return this.#place.mayRunTwice(taskOf(message)) ? 'again' : 'never';
  }
}

/** The task that is called, of one call or of those in a pack. */
export const taskOf = ({ name, args }: Message): string =>
  name === packTask ? String(args[0]) : name;

/** Whether the record of a task's end is there for as long as its message may be written again. */
function keepsRecord(
  { ignoreResult, once, next, resultExpires }: Message,
  config: TracesPlace['config'],
): boolean {
  if (once) return true;
  if (ignoreResult && !next) return false;
  const keep = resultExpires ?? config.resultExpires;
  return keep === 0 || keep >= Math.max(leastTrace, 2 * config.sendTimeout);
}
