/** `dtask queues`: how many tasks wait, run and have failed. */
import { Command } from 'commander';
import { onApp, withApp } from '../app-option.js';
import { print, table } from '../print.js';

/** Makes the command. */
export function queuesCommand(): Command {
  return withApp(new Command('queues'))
    .description('Count the tasks of every queue.')
    .action(({ app: spec, json }: { app?: string; json?: boolean }) =>
      onApp(spec, async ({ queues }) => {
        const names = await queues.names();
        const rows = await Promise.all(
          names.map(async (queue) => ({ queue, ...(await queues.counts(queue)) })),
        );
        print(json, rows, () =>
          rows.length === 0
            ? 'no queue was used yet'
            : table(
                ['QUEUE', 'WAITING', 'DELAYED', 'ACTIVE', 'FAILED'],
                rows.map(({ queue, waiting, delayed, active, failed }) => [
                  queue,
                  waiting,
                  delayed,
                  active,
                  failed,
                ]),
              ),
        );
      }),
    );
}
