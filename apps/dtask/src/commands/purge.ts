/** `dtask purge`: empties queues. */
import { Command } from 'commander';
import { onApp, withApp } from '../app-option.js';
import { confirm } from '../confirm.js';
import { print } from '../print.js';

interface Options {
  app?: string;
  json?: boolean;
  queues?: string;
  force?: boolean;
}

/** Makes the command. */
export function purgeCommand(): Command {
  return withApp(new Command('purge'))
    .description('Remove every task that waits, is delayed or has failed. Running tasks go on.')
    .option('-Q, --queues <names>', 'queues to purge, parted by commas', undefined)
    .option('-f, --force', 'do not ask')
    .action((options: Options) => purge(options));
}

async function purge({ app: spec, json, queues: chosen, force }: Options): Promise<void> {
  await onApp(spec, async ({ queues }) => {
    const names =
      chosen === undefined ? await queues.names() : chosen.split(',').map((name) => name.trim());
    if (!force) await confirm('purge', `Remove all tasks from ${names.join(', ') || 'no queue'}?`);
    const removed: Record<string, number> = {};
    for (const name of names) removed[name] = await queues.purge(name);
    print(
      json,
      removed,
      () =>
        names.map((name) => `${name}: ${removed[name]} removed`).join('\n') ||
        'no queue was used yet',
    );
  });
}
