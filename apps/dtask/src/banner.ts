/** What a worker and a beat print when they start. */
import path from 'node:path';
import { redactAddress, shownShards } from '@dtask/core/internal';
import type { Beat, Worker } from '@dtask/worker';
import pc from 'picocolors';
import type { BannerNotes } from './fleet/line.js';
import { version } from './version.js';

/** Lays out what was registered and where the worker listens. */
export function banner(worker: Worker, file: string, { title, engine, rows: more }: BannerNotes) {
  const { app } = worker;
  const engineNote =
    engine &&
    `  ${engine.engine} ${engine.version}, started here${engine.persistent ? '' : ', keeps nothing on disk'}`;
  const rows: Rows = [
    ['app', `${app.name}  ${pc.dim(path.relative(process.cwd(), file))}`],
    ['broker', `${redactAddress(app.config.broker)}${pc.dim(engineNote ?? '')}`],
    ...shardsOf(worker),
    ['queues', worker.queues.join(', ')],
    ['pool', `${worker.config.pool}, ${sizeOf(worker)} at a time`],
    ...more,
    [
      'tasks',
      listed(app.tasks.names()) ||
        pc.yellow('none: is their module imported, or named by include?'),
    ],
  ];
  return laidOut(title, worker.name, rows);
}

/** The same of a beat. */
export function beatBanner({ app, id }: Beat, file: string): string {
  const names = [...app.deck.entries.keys()].toSorted();
  const rows: Rows = [
    ['app', `${app.name}  ${pc.dim(path.relative(process.cwd(), file))}`],
    ['broker', redactAddress(app.config.broker)],
    ['zone', app.config.timezone],
    [
      'entries',
      listed(names) || 'none in the code; those that were added at run time count as well',
    ],
  ];
  return laidOut('dtask beat', id, rows);
}

/** Over which servers its tasks are spread, where they are. */
function shardsOf({ app, config: { onlyShards } }: Worker): Rows {
  const shards = shownShards(app.config);
  if (shards === undefined) return [];
  const only = onlyShards.length > 0 ? `  ${pc.dim(`only ${onlyShards.join(', ')}`)}` : '';
  return [['shards', `${shards}${only}`]];
}

type Rows = readonly (readonly [string, string])[];

function laidOut(title: string, name: string, rows: Rows): string {
  const lines = rows.map(([key, value]) => `  ${pc.dim(key.padEnd(8))}${value}`);
  const heading = `${pc.bold(title)} ${version}  ${name}`;
  return ['', heading, '', ...lines, '', pc.dim('  Ctrl-C stops'), ''].join('\n');
}

function sizeOf({ size, config }: Worker): string {
  const [most] = config.autoscale.split(',');
  return most ? `${size} to ${most}` : String(size);
}

/** One a line, so that a missing one is seen. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20);
  if (names.length > shown.length) shown.push(pc.dim(`and ${names.length - shown.length} more`));
  return shown.join(`\n  ${''.padEnd(8)}`);
}
