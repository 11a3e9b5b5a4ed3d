/** Calls that travel in one message: their ids say which message has them. */

/** What stands behind a pack's id in those of its calls. */
const place = /~p\d+$/;

/** The id of the message that a call was sent in: of a packed one its pack's, else its own. */
export const packOf = (id: string): string => id.replace(place, '');
