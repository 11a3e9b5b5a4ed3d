/** Settings that are allowed and hardly meant: Celery's numbers have other units. Pure. */
import { formatBytes, formatMilliseconds, type WorkerConfig } from '@dtask/core/internal';

/** Limits of a run below this are more likely to be meant as seconds, in milliseconds. */
const shortest = 1_000;
/** A child of Node.js takes more than this before it runs anything, in bytes. */
const smallest = 32 * 1024 * 1024;

/** What a worker is to say of its settings when it starts. */
export function unlikely({
  timeLimit,
  softTimeLimit,
  maxMemoryPerChild,
}: Pick<WorkerConfig, 'timeLimit' | 'softTimeLimit' | 'maxMemoryPerChild'>): string[] {
  const said: string[] = [];
  for (const [name, limit] of Object.entries({ timeLimit, softTimeLimit })) {
    if (limit === 0 || limit >= shortest) continue;
    said.push(
      `${name} is ${formatMilliseconds(limit)}: a number alone is milliseconds; write ${limit}s where seconds are meant`,
    );
  }
  if (maxMemoryPerChild > 0 && maxMemoryPerChild < smallest) {
    said.push(
      `maxMemoryPerChild is ${formatBytes(maxMemoryPerChild)}, which a child takes before it runs anything, so each is replaced after every task: a number alone is bytes; write 200MB where megabytes are meant`,
    );
  }
  return said;
}
