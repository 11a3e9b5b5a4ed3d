/** What a worker prints when it starts. */
import path from 'node:path';
import { redactAddress } from '@dtask/core/internal';
import type { Worker } from '@dtask/worker';
import pc from 'picocolors';
import type { BannerNotes } from './fleet/line.js';
import { version } from './version.js';

/** Lays out what was registered and where the worker listens. */
export function banner(worker: Worker, file: string, { title, engine, rows: more }: BannerNotes) {
  const { app } = worker;
  const engineNote =
    engine &&
    `  ${engine.engine} ${engine.version}, started here${engine.persistent ? '' : ', keeps nothing on disk'}`;
  const rows: readonly (readonly [string, string])[] = [
    ['app', `${app.name}  ${pc.dim(path.relative(process.cwd(), file))}`],
    ['broker', `${redactAddress(app.config.broker)}${pc.dim(engineNote ?? '')}`],
    ['queues', worker.queues.join(', ')],
    ['pool', `${worker.config.pool}, ${sizeOf(worker)} at a time`],
    ...more,
    ['tasks', tasks(app.tasks.names())],
  ];
  const lines = rows.map(([key, value]) => `  ${pc.dim(key.padEnd(8))}${value}`);
  const heading = `${pc.bold(title)} ${version}  ${worker.name}`;
  return ['', heading, '', ...lines, '', pc.dim('  Ctrl-C stops'), ''].join('\n');
}

function sizeOf({ size, config }: Worker): string {
  const [most] = config.autoscale.split(',');
  return most ? `${size} to ${most}` : String(size);
}

/** One a line, so that a missing one is seen. */
function tasks(names: readonly string[]): string {
  if (names.length === 0) return pc.yellow('none: is their module imported, or named by include?');
  const shown = names.slice(0, 20);
  if (names.length > shown.length) shown.push(pc.dim(`and ${names.length - shown.length} more`));
  return shown.join(`\n  ${''.padEnd(8)}`);
}
