/** The name of a task over a list, in one message. */

/** The task that every worker has: it runs another one on each item of a list. */
export const starmapTask = 'dtask.starmap';
