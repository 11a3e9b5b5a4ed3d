/** BullMQ, for all of this package. */
import { createRequire } from 'node:module';
import type * as BullMQ from 'bullmq';

/**
 * Loaded as the CommonJS that it is: by `import`, Node would also read its 170 files for their
 * exports, and a worker would start a tenth of a second later.
 */
export const bullmq = createRequire(import.meta.url)('bullmq') as typeof BullMQ;
