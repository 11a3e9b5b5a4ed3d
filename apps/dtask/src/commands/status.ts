/** `dtask status`: the workers that live. */
import type { ActiveTask, Answers, App, AskOptions, WorkerStats } from '@dtask/core';
import { formatMilliseconds } from '@dtask/core/internal';
import { Command } from 'commander';
import pc from 'picocolors';
import { errorOf } from '../answers.js';
import { onApp } from '../app-option.js';
import { type AskFlags, withAsk } from '../ask-options.js';
import { print, table } from '../print.js';
import { callRoll, sayMissing } from '../roll-call.js';

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

/** One that lives and does not answer. */
interface SilentRow {
  readonly worker: string;
  readonly silent: true;
}

/** Makes the command. */
export function statusCommand(): Command {
  return withAsk(new Command('status'))
    .description(
      'List the live workers. Exits with 69 where there is none, as Celery does, or one does not answer.',
    )
    .action((options: AskFlags) =>
      onApp(options.app, async (app) => {
        const [answer, missing] = await callRoll(
          app,
          options,
          (ask) => status(app, ask),
          (given) => given.stats,
        );
        const rows = rowsOf(answer);
        const silent = missing.silent.map((worker) => ({ worker, silent: true as const }));
        if (rows.length + silent.length > 0 || options.json)
          print(options.json, [...rows, ...silent], () => printed(rows, silent));
        sayMissing(options, missing, Object.keys(answer.stats).length);
      }),
    );
}

/** What workers answer. */
interface Status {
  readonly stats: Answers<WorkerStats>;
  readonly active: Answers<readonly ActiveTask[]>;
  readonly queues: Answers<readonly string[]>;
}

async function status({ inspect }: App, ask: AskOptions): Promise<Status> {
  const [stats, active, queues] = await Promise.all([
    inspect.stats(ask),
    inspect.active(ask),
    inspect.activeQueues(ask),
  ]);
  return { stats, active, queues };
}

function rowsOf({ stats, active, queues }: Status): Row[] {
  return Object.entries(stats).flatMap(([worker, facts]) => {
    if ('error' in facts) {
      console.error(`dtask: ${worker}: ${errorOf(facts) ?? ''}`);
      process.exitCode = 1;
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

function printed(rows: readonly Row[], silent: readonly SilentRow[]): string {
  const lines = table(
    ['WORKER', 'POOL', 'SIZE', 'ACTIVE', 'DONE', 'UP', 'QUEUES'],
    [
      ...rows.map(({ worker, pool, concurrency, active, processed, uptime, queues }) => [
        worker,
        pool,
        concurrency,
        active,
        processed,
        formatMilliseconds(uptime * 1_000),
        queues.join(', '),
      ]),
      ...silent.map(({ worker }) => [worker, 'silent', '-', '-', '-', '-', '-']),
    ],
  );
  const count = rows.length === 1 ? '1 worker' : `${rows.length} workers`;
  const more = silent.length === 0 ? '' : `, ${pc.red(`${silent.length} silent`)}`;
  return `${lines}\n\n${pc.green(`${count} online`)}${more}`;
}
