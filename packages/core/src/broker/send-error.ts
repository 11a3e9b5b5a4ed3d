/** What a question to Redis is rejected with: whether it had an effect, and how to find out. */
import type { AppConfig } from '../config/resolve.js';
import { formatMilliseconds } from '../duration.js';
import { BrokerError } from '../errors.js';
import { NobodyKnows } from './adding.js';
import { whyDown } from './connection.js';
import type { Question } from './question.js';
import { type Redis, ReplyError } from 'ioredis';

/** The calls of a message: their task, and their ids. */
export interface Calls {
  readonly task: string;
  readonly ids: readonly string[];
}

/** What a question is about: calls; else what opens the error, such as "group x was not saved". */
export type Subject = string | Calls;

/** What is known when a question is given up. */
export interface GivenUp {
  readonly subject: Subject;
  readonly question: Question;
  readonly config: AppConfig;
}

/** No answer came in time. */
export function silenceError(given: GivenUp, connection: Redis): BrokerError {
  const { sendTimeout, broker, shards } = given.config;
  const isShard = Array.isArray(shards) && shards.includes(broker);
  const source = isShard ? "DTASK_SHARDS or the app's shards option" : undefined;
  const within = ` within ${formatMilliseconds(sendTimeout)} (sendTimeout)`;
  const { message, cause } = whyDown(connection, broker, opening(given, within), source);
  return errorOf(given, message, cause);
}

/** Redis has refused it, or the connection is closed for good. */
export function refusalError(given: GivenUp, cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof NobodyKnows) {
    const why =
      'the connection was lost before Redis answered, and its task may run only once and keeps no result by which it is known whether it ran';
    return errorOf(given, `${opening(given, '')}: ${why}`, undefined);
  }
  const refused = isReply(cause) ? 'Redis refused it' : 'the connection was lost';
  return errorOf(given, `${opening(given, '')}: ${refused}: ${reason}`, cause);
}

/** The App was closed meanwhile. */
export const closedError = (given: GivenUp, cause?: unknown): BrokerError =>
  errorOf(given, `${opening(given, '')}: the App was closed`, cause);

/** What opens the message: what was not done, as far as that is known. */
function opening({ subject, question }: GivenUp, within: string): string {
  if (typeof subject === 'string') return `${subject}${within}`;
  return question.outcome === 'not-sent'
    ? `${shown(subject)} was not sent${within}`
    : `whether ${shown(subject)} was taken is not known: no answer came${within}`;
}

/** Names the first call, and how many are in its message. */
function shown({ task, ids }: Calls): string {
  const others = ids.length - 1;
  return `task ${task}[${ids[0]}]${others > 0 ? ` (and ${others} more in one message)` : ''}`;
}

function errorOf({ subject, question }: GivenUp, message: string, cause: unknown): BrokerError {
  const ids = typeof subject === 'string' ? [] : subject.ids;
  const { outcome } = question;
  const isOpen = outcome === 'unknown' && ids.length > 0;
  const settle = isOpen
    ? `; when Redis answers again, app.result('${ids[0]}').exists() says whether it was, and a call under the same id changes nothing if so`
    : '';
  return new BrokerError(`${message}${settle}`, {
    outcome,
    ids,
    ...(cause !== undefined && { cause }),
  });
}

/** Whether Redis answered, and the answer was no. (ioredis gives the class no type.) */
const isReply = (cause: unknown): boolean => cause instanceof (ReplyError as typeof Error);
