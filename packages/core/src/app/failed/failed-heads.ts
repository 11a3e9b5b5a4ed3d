/** The failed jobs of several queues, newest first: which they are and when they failed. */
import type { Place } from '../../broker/ask.js';
import { failedKey } from '../../protocol/keys.js';

/** A failed job, unread. */
export interface Head {
  /** Where it is kept. */
  readonly place: Place;
  readonly queue: string;
  readonly id: string;
  /** When it failed, as Redis prints it: it tells this failure from a later one of the same job. */
  readonly at: string;
}

/** A queue, or its part on one server. */
export interface HeadSource {
  readonly place: Place;
  readonly queue: string;
}

/** The span of time that is looked at, in milliseconds since 1970 or Redis' words for any. */
export interface Span {
  readonly oldest: number | '-inf';
  readonly newest: number | '+inf';
}

/**
 * Goes through the failed jobs of queues, newest first.
 *
 * It goes by time and never back: a job that is retried meanwhile and fails anew is not met again.
 *
 * @param portion how many of a queue are asked for at a time
 */
export async function* headsOf(
  sources: readonly HeadSource[],
  span: Span,
  portion: number,
): AsyncGenerator<Head, void, undefined> {
  const streams = sources.map((source) => headsIn(source, span, portion));
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let newest = -1;
    for (const [index, { done, value }] of heads.entries()) {
      if (done || !value) continue;
      const best = heads[newest]?.value;
      if (!best || Number(value.at) > Number(best.at)) newest = index;
    }
    const head = heads[newest]?.value;
    const stream = streams[newest];
    if (!head || !stream) return;
    yield head;
    heads[newest] = await stream.next();
  }
}

async function* headsIn(
  { place, queue }: HeadSource,
  { oldest, newest }: Span,
  portion: number,
): AsyncGenerator<Head, void, undefined> {
  const { prefix, ask } = place;
  let from = String(newest);
  // Of the jobs that failed in one millisecond, those that were given: no rank holds while others
  // take jobs out.
  let given = new Set<string>();
  for (;;) {
    const wanted = portion + given.size;
    const found = await ask(`the failed tasks of queue ${queue} were not read`, (connection) =>
      connection.zrevrangebyscore(
        failedKey(prefix, queue),
        from,
        oldest,
        'WITHSCORES',
        'LIMIT',
        0,
        wanted,
      ),
    );
    for (let index = 0; index < found.length; index += 2) {
      const [id, at] = [found[index] as string, found[index + 1] as string];
      if (at !== from) [from, given] = [at, new Set()];
      if (given.has(id)) continue;
      given.add(id);
      yield { place, queue, id, at };
    }
    if (found.length < wanted * 2) return;
  }
}
