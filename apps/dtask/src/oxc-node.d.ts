/** The loader of TypeScript registers itself when it is imported, and has no types. */
declare module '@oxc-node/core/register';
