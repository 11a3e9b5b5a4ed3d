/** Takes the chunks of streamed maps to workers, as messages like others. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { OwnScript } from '../broker/own-script.js';
import type { Shards } from '../broker/shards.js';
import type { AppConfig } from '../config/resolve.js';
import { BrokerError, ConfigError, TaskRevokedError } from '../errors.js';
import type {
  Courier,
  CourierSource,
  Delivery,
  Parcel,
  ParcelEnd,
  TakenNotes,
} from '../map/courier.js';
import { mapTask } from '../map/order.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { mapKey, workersKey } from '../protocol/keys.js';
import { isFinal, type Outcome, parseOutcome } from '../protocol/outcome.js';
import { type Call, leastTrace } from '../protocol/message.js';
import type { ResultSource } from '../result/async-result.js';
import { errorOf } from '../result/remote-error.js';
import type { PlacedTask } from '../result/revocation.js';
import { freezeCall } from '../task/call.js';
import { findCurrentTask, type TaskContext } from '../task/context.js';
import type { Outbox } from './outbox.js';

/** What couriers need of their App. */
export interface CouriersPlace {
  readonly config: AppConfig;
  readonly shards: Shards;
  readonly results: ResultSource;
  readonly outbox: Outbox;
  /** Whether every worker gets all that is sent to a queue. */
  readonly isBroadcast: (queue: string) => boolean;
}

/** For how long a chunk is tried to be sent while Redis is away, and how often, in milliseconds. */
const insistence = 60_000;
const again = 1_000;
/** How long notes are kept where results are kept for ever, in milliseconds. */
const aMonth = 30 * 86_400_000;

/**
 * Takes over the notes of a map. KEYS: the notes. ARGV: how long to keep them, the new owner, the
 * task. Gives all fields and values, or the task alone, where that is another one.
 */
const takeScript = `
local task = redis.call('HGET', KEYS[1], 'task')
if task and task ~= ARGV[3] then return {task} end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'task', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HGETALL', KEYS[1])`;

/**
 * Adds to the notes of a map, unless they have another owner. KEYS: the notes. ARGV: how long to
 * keep them, the owner, fields and values.
 */
const addScript = `
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'owner', unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`;

const takeNotes = new OwnScript<string[]>(1, takeScript);
const addNotes = new OwnScript<number>(1, addScript);

/** The couriers of an App. */
export class Couriers implements CourierSource {
  readonly #place: CouriersPlace;

  constructor(place: CouriersPlace) {
    this.#place = place;
  }

  openCourier(task: string, call: CallSettings, resumable: boolean): Courier {
    const { outbox, config, isBroadcast } = this.#place;
    const { id: _id, retry: _retry, ...given } = call;
    const { unique: _unique, ...defaults } = outbox.defaults(mapTask, [task], given);
    const queue = given.queue ?? defaults.queue ?? config.defaultQueue;
    if (!isBroadcast(queue))
      return new AppCourier(this.#place, defaults, given, resumable, findCurrentTask());
    throw new ConfigError(
      `a map cannot be streamed through the broadcast queue ${queue}, of which every worker gets all; give it another one: map(items, { queue })`,
    );
  }
}

class AppCourier implements Courier {
  readonly maxPayload: number;
  readonly #place: CouriersPlace;
  readonly #defaults: CallSettings;
  readonly #call: CallSettings;
  readonly #resumable: boolean;
  readonly #task: TaskContext | undefined;
  readonly #keep: number;

  constructor(
    place: CouriersPlace,
    defaults: CallSettings,
    call: CallSettings,
    resumable: boolean,
    task: TaskContext | undefined,
  ) {
    const { maxPayload, resultExpires } = place.config;
    this.#place = place;
    this.#defaults = defaults;
    this.#resumable = resumable;
    this.#task = task;
    this.maxPayload = maxPayload;
    const keep = call.resultExpires ?? defaults.resultExpires ?? resultExpires;
    // By its record whoever takes a message again knows that it has ended.
    this.#keep = resumable && keep > 0 ? Math.max(keep, leastTrace) : keep;
    this.#call = this.#keep === resultExpires ? call : { ...call, resultExpires: this.#keep };
  }

  send({ id, args, delay, foreign }: Parcel, onEnd: (end: ParcelEnd) => void): Delivery {
    const { results } = this.#place;
    const call = this.#freeze(id, args, delay);
    let queue: string | undefined;
    let left = false;
    const end = (how: ParcelEnd): void => queueMicrotask(() => onEnd(how));
    // Before it is sent: its result may come at once.
    const wait = results.mailbox.wait(id, results.mailbox.epoch, {
      queue: () => queue,
      foreign,
      progress: () => undefined,
      done: (outcome) => end(endOf(outcome)),
      failed: (error) => end({ error }),
      lost: () => end({ error: lost(id) }),
    });
    this.#task?.spawned?.(id);
    const store = async (): Promise<void> => {
      const until = performance.now() + insistence;
      for (;;) {
        try {
          await this.#place.outbox.publish(call, (to) => {
            queue = to;
          });
          return;
        } catch (error) {
          const isAway = error instanceof BrokerError && !this.#place.shards.closed;
          if (!isAway || left || performance.now() > until) throw error;
          await pause(again);
        }
      }
    };
    const leave = (): void => {
      left = true;
      wait.end();
    };
    return { id, stored: store(), queue: () => queue, leave };
  }

  #freeze(id: string, args: Parcel['args'], delay: number): Call {
    const { config, results } = this.#place;
    const due = delay > 0 ? { id, countdown: delay } : { id };
    const options = Object.assign({}, this.#call, due);
    const frozen = freezeCall(mapTask, args, this.#defaults, options, {
      ...this.#place.shards.moment,
      newId: randomUUID,
      reply: results.mailbox.caller,
      defaultQueue: config.defaultQueue,
      root: this.#task?.rootId,
      parent: this.#task?.id,
    });
    if (!this.#resumable) return frozen;
    return { ...frozen, message: { ...frozen.message, once: true } };
  }

  async ended(ids: readonly string[]): Promise<readonly ParcelEnd[]> {
    const { ledger } = this.#place.results;
    const texts = await Promise.all(ids.map((id) => ledger.read(id)));
    return texts.flatMap((text) => {
      const outcome = text === null ? undefined : readOutcome(text);
      return outcome && isFinal(outcome.state) ? [endOf(outcome)] : [];
    });
  }

  async revoke(tasks: readonly PlacedTask[]): Promise<void> {
    await this.#place.results.revoke(tasks, {});
  }

  async forget(ids: readonly string[]): Promise<void> {
    await this.#place.results.ledger.forget(ids);
  }

  workers(): Promise<number> {
    const { ask, prefix } = this.#place.shards.main;
    return ask('the workers were not counted', (connection) =>
      connection.zcard(workersKey(prefix)),
    );
  }

  async takeNotes(id: string, owner: string, task: string): Promise<TakenNotes> {
    const { ask, prefix } = this.#place.shards.of(id);
    const key = mapKey(prefix, id);
    const found = await ask(`the notes of map ${id} were not read`, (connection) =>
      takeNotes.run(connection, key, this.#noteTime, owner, task),
    );
    const [other] = found;
    if (found.length === 1 && other !== undefined) return { otherTask: other };
    const pairs = found.flatMap((field, at) =>
      at % 2 === 0 ? [[field, found[at + 1] ?? ''] as const] : [],
    );
    return { fields: Object.fromEntries(pairs) };
  }

  async addNotes(
    id: string,
    owner: string,
    notes: Readonly<Record<string, string | number>>,
  ): Promise<boolean> {
    const { ask, prefix } = this.#place.shards.of(id);
    const fields = Object.entries(notes).flat();
    const key = mapKey(prefix, id);
    const added = await ask(`map ${id} was not noted`, (connection) =>
      addNotes.run(connection, key, this.#noteTime, owner, ...fields),
    );
    return added === 1;
  }

  /** How long notes are kept, in milliseconds: as long as the results of the last chunk. */
  get #noteTime(): number {
    return Math.ceil(this.#keep > 0 ? this.#keep : aMonth);
  }

  wait<R>(waiting: Promise<R>): Promise<R> {
    return this.#task?.yieldWhile?.(waiting) ?? waiting;
  }
}

const endOf = (outcome: Outcome): ParcelEnd =>
  outcome.state === 'SUCCESS' ? { value: outcome.value } : { error: errorOf(outcome) };

const lost = (id: string): TaskRevokedError =>
  new TaskRevokedError(
    `its chunk ${id} is gone: it was removed from its queue before it ended (a purge, or a Redis that lost its data)`,
  );

/** What is damaged counts as not there. */
function readOutcome(text: string): Outcome | undefined {
  try {
    return parseOutcome(text);
  } catch {
    return undefined;
  }
}
