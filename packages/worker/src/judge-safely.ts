/** Judges what a task threw, whatever its own filters do. */
import { judge, type Verdict } from '@dtask/core/internal';

/** A filter or a duration of the user's that throws is a failure of the task, not of the worker. */
export function judgeSafely(thrown: unknown, at: Parameters<typeof judge>[1]): Verdict {
  try {
    return judge(thrown, at);
  } catch (error) {
    return { kind: 'fail', error };
  }
}
