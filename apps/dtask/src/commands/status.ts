/** `dtask status`: the workers that live. */
import type { App } from '@dtask/core';
import { formatMilliseconds } from '@dtask/core/internal';
import { Command } from 'commander';
import pc from 'picocolors';
import { errorOf } from '../answers.js';
import { onApp } from '../app-option.js';
import { type AskFlags, askOf, sayNobody, withAsk } from '../ask-options.js';
import { print, table } from '../print.js';

/** One worker. */
interface Row {
  readonly worker: string;
  readonly pool: string;
  readonly concurrency: number;
  readonly active: number;
  readonly processed: number;
  /** In seconds. */
  readonly uptime: number;
  readonly queues: readonly string[];
}

/** Makes the command. */
export function statusCommand(): Command {
  return withAsk(new Command('status'))
    .description('List the live workers. Exits with 69 where there is none, as Celery does.')
    .action((options: AskFlags) =>
      onApp(options.app, async (app) => {
        const rows = await status(app, options);
        if (rows.length > 0 || options.json) print(options.json, rows, () => printed(rows));
        if (rows.length === 0) sayNobody(options);
      }),
    );
}

async function status({ inspect }: App, flags: AskFlags): Promise<Row[]> {
  const ask = askOf(flags);
  const [stats, active, queues] = await Promise.all([
    inspect.stats(ask),
    inspect.active(ask),
    inspect.activeQueues(ask),
  ]);
  return Object.entries(stats).flatMap(([worker, facts]) => {
    if ('error' in facts) {
      console.error(`dtask: ${worker}: ${errorOf(facts) ?? ''}`);
      return [];
    }
    const { pool, total, uptime } = facts;
    return [
      {
        worker,
        pool: pool.implementation,
        concurrency: pool.maxConcurrency,
        active: listOf(active[worker]).length,
        processed: Object.values(total).reduce((sum, count) => sum + count, 0),
        uptime,
        queues: listOf<string>(queues[worker]),
      },
    ];
  });
}

/** A worker that has gone meanwhile has nothing. */
const listOf = <T>(answer: unknown): readonly T[] =>
  Array.isArray(answer) ? (answer as readonly T[]) : [];

function printed(rows: readonly Row[]): string {
  const lines = table(
    ['WORKER', 'POOL', 'SIZE', 'ACTIVE', 'DONE', 'UP', 'QUEUES'],
    rows.map(({ worker, pool, concurrency, active, processed, uptime, queues }) => [
      worker,
      pool,
      concurrency,
      active,
      processed,
      formatMilliseconds(uptime * 1_000),
      queues.join(', '),
    ]),
  );
  const count = rows.length === 1 ? '1 worker' : `${rows.length} workers`;
  return `${lines}\n\n${pc.green(`${count} online`)}`;
}
