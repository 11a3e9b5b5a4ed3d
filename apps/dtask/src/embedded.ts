/** A Redis for development and tests, which needs nothing installed. */
export { type Embedded, EmbeddedError, type EmbeddedOptions, startEmbedded } from '@dtask/embedded';
