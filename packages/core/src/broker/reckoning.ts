/** The times of calls that were made before the server's clock was known. */
import type { Call, Message } from '../protocol/message.js';
import type { ServerClock } from './server-clock.js';

/** A message without the times that are not final yet. */
export function withoutTimes({ message, reckoned }: Call): Message {
  if (!reckoned) return message;
  const { eta: _eta, expires: _expires, ...rest } = message;
  return rest;
}

/**
 * A call and its message's text with the times by the server's clock, which is known by now.
 *
 * @param text of the message without times
 */
export function reckon(call: Call, text: string, clock: ServerClock): readonly [Call, string] {
  const { reckoned: by, ...rest } = call;
  if (!by) return [call, text];
  const shift = clock.at(by.at) - by.now;
  const { eta, expires, ...message } = call.message;
  const times = {
    ...(eta !== undefined && { eta: by.eta ? eta + shift : eta }),
    ...(expires !== undefined && { expires: by.expires ? expires + shift : expires }),
  };
  const more = Object.entries(times).map(([key, time]) => `,"${key}":${time}`);
  return [{ ...rest, message: { ...message, ...times } }, `${text.slice(0, -1)}${more.join('')}}`];
}
