/** How far a task may be to blame for the death of what ran it. */
import type { Job } from 'bullmq';
import { marksOf } from './marks.js';

/**
 * - `none`: nothing that ran it has died.
 * - `shared`: its worker died, once. Of many tasks one at most has killed it: they run together, away
 *   from the worker.
 * - `alone`: what ran it has died again, so there is more against it than against the others.
 */
export type Suspicion = 'none' | 'shared' | 'alone';

/** What is to be thought of a task. */
export function suspicionOf(job: Job): Suspicion {
  const { stalledCounter } = job;
  const { crashes, sharedCrashes } = marksOf(job);
  if (crashes > 0 || sharedCrashes > 0 || stalledCounter > 1) return 'alone';
  return stalledCounter > 0 ? 'shared' : 'none';
}
