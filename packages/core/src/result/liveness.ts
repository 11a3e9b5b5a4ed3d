/** Whether a task that is not sent yet can still come: whether what comes before it is there. */
import type { Place, PlaceOf } from '../broker/ask.js';
import { partBy } from '../part-by.js';
import { idsIn } from '../protocol/id-run.js';
import { addedKey, jobKey, queuesKey, resultKey } from '../protocol/keys.js';
import { type Before, type Outcome, parseOutcome } from '../protocol/outcome.js';

/** Most tasks that are asked for at a time, and how many at first: mostly one of the first is there. */
const portion = 500;
const least = 50;

/** Whether there is a job by its fields, and it has not failed for good. */
const isOpen = ([timestamp, finished]: readonly unknown[]): boolean =>
  timestamp !== null && finished === null;

/**
 * Looks for the tasks of a canvas that come before others.
 *
 * A job goes when what follows it was sent. So whoever looks in the order in which tasks come meets an
 * open job, or the end.
 */
export class Liveness {
  readonly #placeOf: PlaceOf;

  constructor(placeOf: PlaceOf) {
    this.#placeOf = placeOf;
  }

  /**
   * Whether a task can still come that waits for others.
   *
   * @param before what has to end first; where that is not noted, it can
   */
  async holds(before: Before | undefined): Promise<boolean> {
    if (!before) return true;
    const ids = idsIn(before.runs);
    return (await this.#anyOpen(ids, before.queues)) || this.#anyInOrder(ids, before.queues);
  }

  /** Mostly there is one soon. */
  async #anyOpen(ids: readonly string[], queues: readonly string[]): Promise<boolean> {
    for (let from = 0, size = least; from < ids.length; from += size, size = portion) {
      const places = partBy(ids.slice(from, from + size), (id) => this.#placeOf(id));
      const found = await Promise.all(
        [...places].map(([place, some]) => this.#isAnyOpen(place, some, queues)),
      );
      if (found.includes(true)) return true;
    }
    return false;
  }

  async #isAnyOpen(
    place: Place,
    ids: readonly string[],
    queues: readonly string[],
  ): Promise<boolean> {
    const replies = await ask(
      place,
      ids.flatMap((id) => queues.map((queue) => openFields(place, queue, id))),
    );
    return replies.some((fields) => isOpen(fields as unknown[]));
  }

  /**
   * Looks again, one server after the other, in all queues, for middleware may have chosen others; and
   * at what has taken the place of tasks, or was added to groups.
   */
  async #anyInOrder(ids: readonly string[], given: readonly string[]): Promise<boolean> {
    const names = new Map<Place, readonly string[]>();
    for (const part of inOnePlace(ids, this.#placeOf)) {
      const { place } = part;
      const queues = names.get(place) ?? (await this.#queuesOn(place, given));
      names.set(place, queues);
      for (let from = 0; from < part.ids.length; from += portion) {
        const some = part.ids.slice(from, from + portion);
        if (await this.#isAnyAlive(place, some, queues)) return true;
      }
    }
    return false;
  }

  async #queuesOn(place: Place, given: readonly string[]): Promise<readonly string[]> {
    const [known] = (await ask(place, [['smembers', queuesKey(place.prefix)]])) as [string[]];
    return [...new Set([...given, ...known])];
  }

  async #isAnyAlive(
    place: Place,
    ids: readonly string[],
    queues: readonly string[],
  ): Promise<boolean> {
    const replies = await ask(
      place,
      ids.flatMap((id) => [
        ...queues.map((queue) => openFields(place, queue, id)),
        ['get', resultKey(place.prefix, id)],
        ['exists', addedKey(place.prefix, id)],
      ]),
    );
    const width = queues.length + 2;
    for (let at = 0; at < ids.length; at += 1) {
      const own = replies.slice(at * width, (at + 1) * width);
      // A part that was added to a group may run while all others have ended.
      if (own.at(-1) === 1) return true;
      if (own.slice(0, -2).some((fields) => isOpen(fields as unknown[]))) return true;
      const record = read(own.at(-2));
      if (record?.state === 'REPLACED' && (await this.holds(record.before))) return true;
    }
    return false;
  }
}

/** Parts a list into those behind one another that are in one place. */
function inOnePlace(ids: readonly string[], placeOf: PlaceOf): { place: Place; ids: string[] }[] {
  const parts: { place: Place; ids: string[] }[] = [];
  for (const id of ids) {
    const place = placeOf(id);
    const last = parts.at(-1);
    if (last?.place === place) last.ids.push(id);
    else parts.push({ place, ids: [id] });
  }
  return parts;
}

const openFields = ({ prefix }: Place, queue: string, id: string): string[] => [
  'hmget',
  jobKey(prefix, queue, id),
  'timestamp',
  'finishedOn',
];

function ask(place: Place, commands: readonly string[][]): Promise<unknown[]> {
  return place.ask('the tasks of a canvas were not looked for', async (connection) => {
    const replies = await connection.pipeline(commands as string[][]).exec();
    return (replies ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
  });
}

/** What nobody can read says nothing. */
function read(text: unknown): Outcome | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return parseOutcome(text);
  } catch {
    return undefined;
  }
}
