/**
 * Loads TypeScript in a plain Node process, decorators and their metadata included:
 * `node --import dtask/register script.ts`.
 */
export {};

// It registers itself when it is imported, and has no types.
const loader: string = '@oxc-node/core/register';
await import(loader);
