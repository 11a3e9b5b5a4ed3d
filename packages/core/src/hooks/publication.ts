/** Calls as middleware and hooks see them before they are sent. */
import type { Call } from '../protocol/message.js';
import { checkCallOptions } from '../task/call.js';
import type { Publication } from './events.js';

/** A call, to be looked at and changed. */
export function publicationOf({ message, queue, priority, delay }: Call): Publication {
  const { id, name, root, parent, args, headers, expires } = message;
  return {
    id,
    name,
    rootId: root,
    parentId: parent,
    args,
    headers: { ...headers },
    queue,
    priority,
    countdown: delay,
    expires: expires === undefined ? undefined : new Date(expires),
  };
}

/**
 * A call as it has been changed.
 *
 * @param now the server's time
 * @throws ConfigError when it was given what no call may have
 */
export function changed(call: Call, to: Publication, now: number): Call {
  const { queue, priority, countdown, headers, expires } = to;
  const checked = checkCallOptions({
    queue,
    priority,
    countdown,
    headers,
    ...(expires !== undefined && { expires }),
  });
  const { eta: before, expires: _expires, headers: _headers, ...message } = call.message;
  const delay = checked.countdown ?? 0;
  const eta = delay === call.delay ? before : now + delay;
  const { reckoned } = call;
  const isOld = checked.expiresAt === call.message.expires;
  return {
    ...call,
    ...(reckoned && { reckoned: { ...reckoned, expires: reckoned.expires && isOld } }),
    queue,
    priority,
    delay,
    message: {
      ...message,
      args: to.args,
      ...(Object.keys(headers).length > 0 && { headers }),
      ...(delay > 0 && eta !== undefined && { eta }),
      ...(checked.expiresAt !== undefined && { expires: checked.expiresAt }),
    },
  };
}
