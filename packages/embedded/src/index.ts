/** The public face of `@dtask/embedded`: start a Redis that lives as long as the program that started it. */
export {
  prepareEmbedded,
  startEmbedded,
  type Embedded,
  type PreparedEmbedded,
} from './embedded.js';
export type { EmbeddedOptions } from './options.js';
export { EmbeddedError, type EmbeddedErrorCode } from './errors.js';
