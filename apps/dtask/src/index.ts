/** What an application imports: apps, tasks, results. */
export * from '@dtask/core';
