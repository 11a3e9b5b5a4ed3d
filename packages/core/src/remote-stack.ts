/** The stack of a task's error, within that of the error that its caller gets. */

/** An error that a caller gets for a task's. */
interface RemoteFailure extends Error {
  readonly taskId: string;
  readonly taskName: string | undefined;
  readonly remoteStack: string | undefined;
  readonly notes: readonly string[];
}

/** Puts the worker's stack behind that of who waits, with a mark between. */
export function appendRemoteStack(error: RemoteFailure): void {
  const { taskId, taskName = '?', remoteStack, notes } = error;
  if (remoteStack === undefined) return;
  const noted = notes.map((text) => `\n    note: ${text}`).join('');
  error.stack = `${error.stack ?? error.message}\n    --- in the worker, task ${taskName}[${taskId}] ---\n${remoteStack}${noted}`;
}
