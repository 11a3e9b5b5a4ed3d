/** The codec: task arguments, results and errors as readable JSON that loses nothing. */
export { decode } from './decode.js';
export { encode } from './encode.js';
export { type Handle, handleForm, type HandleForm, type HandleMaker } from './handle.js';
export type { JsonValue } from './json.js';
export { maxDepth } from './path.js';
export { note, notesIn, notesOf } from './notes.js';
export { encodeError } from './thrown.js';
export { numberArrays } from './bytes.js';
