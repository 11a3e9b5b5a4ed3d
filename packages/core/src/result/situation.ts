/** Where a task is that somebody has waited for in vain, in words for people. */
import { DtaskError, type TaskFailedError } from '../errors.js';
import type { Outcome } from '../protocol/outcome.js';
import type { Known } from './look-up.js';

/** Which live workers take tasks from a queue. */
export interface Takers {
  /** How many do. */
  readonly count: number;
  /** The names of those that have the task. */
  readonly knowing: readonly string[];
  /** How many live workers did not say. */
  readonly silent: number;
}

/** Whom to ask. */
export interface Informants {
  readonly known: () => Promise<Known>;
  readonly takersOf: (queue: string, task: string | undefined) => Promise<Takers>;
}

/** Longest wait for what is asked, in milliseconds: it comes on top of the time that was given. */
const patience = 250;

/** Says what a task is, and where. It is never rejected. */
export async function situationOf(
  id: string,
  { known, takersOf }: Informants,
): Promise<{ what: string; where: string }> {
  const until = performance.now() + patience;
  const found = await within(known(), until);
  if (found instanceof Error)
    return { what: `task ${id}`, where: `what became of it is not known, for ${found.message}` };
  const { outcome, queue } = found;
  if (!outcome) {
    return { what: `task ${id}`, where: nothingKnown('it') };
  }
  const { task, state } = outcome;
  const what = task === undefined ? `task ${id}` : `task ${task}[${id}]`;
  if (queue === undefined) return { what, where: `it is ${state}` };
  if (state === 'WAITING') {
    const where = `it is WAITING for what comes before it in its canvas, and goes to queue ${queue} then`;
    return { what, where };
  }
  const takers = await within(takersOf(queue, task), until);
  return { what, where: `it is ${placeIn(outcome, queue)}; ${takenBy(takers, task)}` };
}

/** Why nothing may be known of a task. */
export const nothingKnown = (what: string): string =>
  `nothing is known of ${what}: no call was sent under this id, or its result has expired or was forgotten, or it had ignoreResult and has ended`;

function placeIn({ state, error }: Outcome, queue: string): string {
  if (state !== 'RETRY') return `${state} in queue ${queue}`;
  const { retries, retryAt, errorName, message } = error as TaskFailedError;
  const due = retryAt ? `, due at ${retryAt.toISOString()}` : '';
  return `in RETRY in queue ${queue} (retry ${retries} after ${errorName}: ${message}${due})`;
}

function takenBy(takers: Takers | Error, task: string | undefined): string {
  if (takers instanceof Error)
    return 'which workers take from that queue did not become known in time';
  const { count, knowing, silent } = takers;
  const unheard = silent > 0 ? ` (${workers(silent)} did not answer)` : '';
  if (count === 0) return `no live worker takes from that queue${unheard}`;
  const taking = `${workers(count)} ${count === 1 ? 'takes' : 'take'} from that queue`;
  if (task === undefined) return `${taking}${unheard}`;
  if (knowing.length === 0) return `${taking}, and none has the task${unheard}`;
  const [first] = knowing;
  if (knowing.length === 1)
    return `worker ${first} takes from that queue and has the task${unheard}`;
  return `${taking}, and ${knowing.length} of them have the task${unheard}`;
}

const workers = (count: number): string => `${count} live worker${count === 1 ? '' : 's'}`;

/** What is given until a moment; the reason where it is not. */
async function within<R>(asked: Promise<R>, until: number): Promise<R | Error> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<Error>((resolve) => {
    timer = setTimeout(
      () => resolve(new Error(`Redis did not say so within ${patience} ms`)),
      Math.max(0, until - performance.now()),
    );
  });
  const reason = (error: unknown): Error =>
    error instanceof DtaskError ? error : new Error(String(error), { cause: error });
  try {
    return await Promise.race([asked.catch(reason), over]);
  } finally {
    clearTimeout(timer);
  }
}
