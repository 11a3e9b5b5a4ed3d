/** The turns that calls of tasks have reserved by a rate: taken back when the rate changes. */
import { forEachPlace } from '../broker/for-each-place.js';
import { OwnScript } from '../broker/own-script.js';
import type { Shards } from '../broker/shards.js';
import { jobKey, turnKey, turnsKey } from '../protocol/keys.js';
import { markFields } from '../protocol/marks.js';

/** The queues, as far as turns need them. */
export interface TurnQueues {
  /** Every queue that has messages. */
  sources(): Promise<readonly string[]>;
  /** The ids of the delayed tasks of a queue, in portions. */
  delayed(queue: string): AsyncIterable<readonly string[]>;
  /** Ends the wait of delayed tasks. */
  promote(queue: string, ids: readonly string[]): Promise<void>;
}

/** What turns need of their App. */
export interface TurnsPlace {
  readonly shards: Shards;
  readonly queues: TurnQueues;
}

/** Most tasks that are called in one go. */
const portion = 1_000;

/**
 * Takes the turn from a task that waits for it, and from no other: one that waits for its next try,
 * say. KEYS: the job. ARGV: the task's name. Whoever fetches the job then asks for a turn.
 */
const script = `
local field = '${markFields.admitted}'
local job = redis.call('HMGET', KEYS[1], 'name', field, 'atm')
if job[1] ~= ARGV[1] or not job[2] or job[2] ~= (job[3] or '0') then return 0 end
return redis.call('HDEL', KEYS[1], field, '${markFields.entered}') > 0 and 1 or 0`;

const recall = new OwnScript<number>(1, script);

/** The turns of an App's tasks. */
export class Turns {
  readonly #place: TurnsPlace;

  constructor(place: TurnsPlace) {
    this.#place = place;
  }

  /**
   * Has the calls of a task that wait for a turn ask for a new one. Workers must know of the new rate
   * by then. One that is put off meanwhile keeps its time.
   *
   * Where the caller dies in between, a call may have lost its turn and still wait for its time; it
   * asks then.
   */
  async recall(task: string): Promise<void> {
    await this.#forget(task);
    for (const queue of await this.#place.queues.sources()) {
      // All ids first: those that ask anew may be put off again, behind the others.
      const waiting: string[] = [];
      for await (const ids of this.#place.queues.delayed(queue))
        waiting.push(...(await this.#take(task, queue, ids)));
      for (let from = 0; from < waiting.length; from += portion)
        await this.#place.queues.promote(queue, waiting.slice(from, from + portion));
    }
  }

  /** Takes the turns from those of some jobs that are calls of the task; gives the ids of these. */
  async #take(task: string, queue: string, ids: readonly string[]): Promise<string[]> {
    const taken = await forEachPlace(
      ids,
      (id) => this.#place.shards.at(queue, id),
      `the turns of task ${task} were not taken back`,
      (connection, { prefix }, some) =>
        Promise.all(some.map((id) => recall.run(connection, jobKey(prefix, queue, id), task))),
    );
    return ids.filter((_, at) => taken[at] === 1);
  }

  /** Makes the times void until which the turns are taken: of the task, and of each of its keys. */
  async #forget(task: string): Promise<void> {
    const { prefix, ask } = this.#place.shards.main;
    await ask(`the turns of task ${task} were not forgotten`, (connection) =>
      Promise.all([
        connection.unlink(turnKey(prefix, task)),
        connection.hincrby(turnsKey(prefix), task, 1),
      ]),
    );
  }
}
