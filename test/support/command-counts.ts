/** Counts the commands that a server runs, those of scripts as well. */
import type { Redis } from 'ioredis';

/** How often each command ran while something was done, by its name in lower case. */
export async function commandsOf(
  redis: Redis,
  work: () => PromiseLike<unknown>,
): Promise<(command: string) => number> {
  await redis.config('RESETSTAT');
  await work();
  const stats = await redis.info('commandstats');
  const counts = new Map<string, number>();
  for (const [, name, calls] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm))
    counts.set(String(name), Number(calls));
  return (command) => counts.get(command) ?? 0;
}
