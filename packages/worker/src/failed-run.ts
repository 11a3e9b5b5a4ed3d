/** How jobs end that have failed. */

/** What BullMQ is told of a failed run; the task's own error is in its result. */
export class FailedRun extends Error {
  constructor(error: unknown) {
    super(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    this.name = 'FailedRun';
    if (error instanceof Error && error.stack) this.stack = error.stack;
  }
}
