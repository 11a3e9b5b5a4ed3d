/** Where the code of tasks can run. */

/** Where the code of a task runs: on the worker's event loop, in its threads, or in child processes. */
export type PoolKind = 'inline' | 'threads' | 'processes';

/** The pools that there are. */
export const poolKinds: readonly PoolKind[] = ['inline', 'threads', 'processes'];
