/** The texts of the messages that jobs carry, to be passed on to children as they came. */
import type { Job } from 'bullmq';

const texts = new WeakMap<Job, string>();

/** Keeps the text of a job that has been read. Others than dtask may break lines in it: a child's line may not. */
export function keepText(job: Job, text: string): void {
  if (!text.includes('\n')) texts.set(job, text);
}

/** The text that was kept. */
export const textOf = (job: Job): string | undefined => texts.get(job);
