/**
 * Loads TypeScript in a plain Node process, decorators and their metadata included:
 * `node --import dtask/register script.ts`.
 */
import '@oxc-node/core/register';
