/** What a worker's process says of itself. */
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import v8 from 'node:v8';
import type { App, MemoryFacts } from '@dtask/core';
import { formatBytes, shownSettings } from '@dtask/core/internal';

/** Versions, the machine and the App, as `dtask report` has them. */
export function reportFacts(app: App): Record<string, string> {
  return {
    node: process.versions.node,
    platform: `${process.platform} ${release()} ${process.arch}`,
    machine: `${availableParallelism()} cores, ${formatBytes(totalmem())}`,
    host: hostname(),
    pid: String(process.pid),
    app: app.name,
    ...Object.fromEntries(
      Object.entries(settingsOf(app)).map(([name, value]) => [name, String(value)]),
    ),
    tasks: app.tasks.names().join(', '),
  };
}

/** The App's settings, without passwords. */
export const settingsOf = ({ config }: App): Record<string, unknown> => ({
  ...shownSettings(config),
});

/** What the process uses, in bytes. */
export function memoryFacts(): MemoryFacts {
  const { heap_size_limit: heapLimit, malloced_memory: malloced } = v8.getHeapStatistics();
  return { ...process.memoryUsage(), heapLimit, malloced };
}
