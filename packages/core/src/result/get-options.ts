/** How results are waited for. */
import type { Duration } from '../duration.js';
import type { TaskState } from '../protocol/outcome.js';

/** How to wait for a result. */
export interface GetOptions {
  /** Longest wait. The task itself goes on. @default no limit */
  timeout?: Duration;
  /** `false` gives the error in place of throwing it. @default true */
  propagate?: boolean;
  /** Ends the wait when it is aborted; `get()` then throws its reason. */
  signal?: AbortSignal;
  /** Hears of the states on the way there, such as `PROGRESS`. */
  onProgress?: (details: unknown, state: TaskState) => void;
}
