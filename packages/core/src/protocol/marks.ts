/** What dtask notes in the hash of a job, beside BullMQ's fields: the names of the fields. */

export const markFields = {
  /** It was revoked while a worker had it: a `RevocationMark` as JSON. */
  revoked: 'rv',
  /** Calls of a pack that were revoked: by id, a `RevocationMark` as JSON, all as JSON. */
  revokedCalls: 'rvc',
  /** A packed call that has failed: the record of that. It does not run; it is kept as failed. */
  ended: 'end',
  /** How many times it has killed the process that it ran in. */
  crashes: 'cr',
  /** How many times a process has died that it ran in with others: nobody knows whose fault it was. */
  sharedCrashes: 'scr',
  /** The attempt that has a turn by its task's rate. */
  admitted: 'adm',
  /** The attempt that the rate has let start: it waits for a place. */
  entered: 'ent',
} as const;

/** What a worker that runs a revoked task, or runs it again, is to know. */
export interface RevocationMark {
  readonly terminate?: true;
  readonly reason?: string;
  /** Of a packed call: it has been ended where it was revoked, and nothing is left to do. */
  readonly taken?: true;
}
