/** What is noted beside an error, such as a callback that was to judge it and threw: it travels with it. */

/** Most that one error carries: an error may be thrown again and again. */
const most = 10;

/** Kept apart from the errors, which are the user's: they may be frozen, or no objects that take a property. */
const notes = new WeakMap<object, readonly string[]>();

/** Notes something beside what was thrown; does nothing where that is no object. */
export function note(thrown: unknown, text: string): void {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return;
  const known = notes.get(thrown) ?? [];
  if (!known.includes(text) && known.length < most) notes.set(thrown, [...known, text]);
}

/** What was noted beside an error here. */
export const notesOf = (thrown: unknown): readonly string[] => notes.get(thrown as object) ?? [];

/** The notes of an error, as they came with it: its property `notes`, where that holds texts. */
export function notesIn(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null || !('notes' in error)) return [];
  const { notes: found } = error;
  return Array.isArray(found) && found.every((one) => typeof one === 'string') ? found : [];
}
