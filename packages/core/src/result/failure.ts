/** What went wrong in a task, as plain data: for lists, for JSON, for people. */
import { decode, encodeError, notesIn } from '../codec/index.js';
import { show } from '../config/setting.js';

/** An error that a task has thrown, in parts. */
export interface Failure {
  /** The class of the error, such as `TypeError`; of what is not an Error, its kind: `string`. */
  readonly name: string;
  readonly message: string;
  /** Where it was thrown, in the worker. */
  readonly stack?: string;
  readonly code?: string | number;
  /** What was noted beside it: a callback that threw while it was dealt with. */
  readonly notes?: readonly string[];
  /** The error that led to it. */
  readonly cause?: Failure;
}

/** Takes an error apart. It never throws, whatever was thrown. */
export function failureOf(thrown: unknown): Failure {
  // Through the codec, which bounds it and touches nothing that may throw again.
  return partsOf(decode(encodeError(thrown), 'error'));
}

function partsOf(thrown: unknown): Failure {
  if (!(thrown instanceof Error))
    return { name: typeof thrown, message: typeof thrown === 'string' ? thrown : show(thrown) };
  const { name, message, stack, cause } = thrown;
  const { code } = thrown as { code?: string | number };
  const notes = notesIn(thrown);
  return {
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(code !== undefined && { code }),
    ...(notes.length > 0 && { notes }),
    ...(cause !== undefined && { cause: partsOf(cause) }),
  };
}

/** A failure in one line: `TypeError: x is not a function`. */
export const reasonOf = ({ name, message }: Failure): string =>
  message === '' ? name : `${name}: ${message}`;

/** What `reasonOf` made, or a stack that begins with it, read back as well as it can be. */
export function failureFrom(reason: string, stack?: string): Failure {
  const text = reason === '' ? (stack?.split('\n    at ', 1)[0] ?? '') : reason;
  const [name, message] = /^([\w$.]+)(?:: ([^]*))?$/.exec(text)?.slice(1) ?? ['Error', text];
  return {
    name: name ?? 'Error',
    message: message ?? '',
    ...(stack !== undefined && { stack }),
  };
}
