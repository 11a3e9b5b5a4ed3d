/** What dtask notes in the hash of a job, beside BullMQ's fields. It comes with the job. */
import type { Job, JobJson } from 'bullmq';

/** The notes on a job. */
export interface Marks {
  /** It was revoked while a worker had it: JSON of how. */
  readonly revoked?: string;
  /** How many times it has killed the process that it ran in. */
  readonly crashes: number;
  /** The attempt that the rate limiter has let through. */
  readonly admitted: number;
}

/** The fields in the job's hash. */
export const markFields = { revoked: 'rv', crashes: 'cr', admitted: 'adm' } as const;

const none: Marks = { crashes: 0, admitted: -1 };
const found = new WeakMap<Job, Marks>();

/** Keeps the notes that came with a job's fields. */
export function readMarks(job: Job, json: JobJson): void {
  const fields = json as unknown as Readonly<Record<string, string | undefined>>;
  const { rv, cr, adm } = fields;
  if (rv === undefined && cr === undefined && adm === undefined) return;
  found.set(job, {
    ...(rv !== undefined && { revoked: rv }),
    crashes: Number(cr ?? 0),
    admitted: Number(adm ?? -1),
  });
}

/** The notes on a job. */
export const marksOf = (job: Job): Marks => found.get(job) ?? none;
