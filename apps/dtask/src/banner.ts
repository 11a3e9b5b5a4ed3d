/** What a worker prints when it starts. */
import path from 'node:path';
import type { App } from '@dtask/core';
import { redactAddress } from '@dtask/core/internal';
import type { Embedded } from '@dtask/embedded';
import type { Worker } from '@dtask/worker';
import pc from 'picocolors';
import { version } from './version.js';

/** Lays out what was registered and where the worker listens. */
export function banner(
  app: App,
  worker: Worker,
  file: string,
  engine: Embedded | undefined,
): string {
  const engineNote =
    engine &&
    `  ${engine.engine} ${engine.version}, started here${engine.persistent ? '' : ', keeps nothing on disk'}`;
  const rows: readonly (readonly [string, string])[] = [
    ['app', `${app.name}  ${pc.dim(path.relative(process.cwd(), file))}`],
    ['broker', `${redactAddress(app.config.broker)}${pc.dim(engineNote ?? '')}`],
    ['queues', worker.queues.join(', ')],
    ['pool', `${worker.config.pool}, ${sizeOf(worker)} at a time`],
    ['tasks', tasks(app.tasks.names())],
  ];
  const lines = rows.map(([key, value]) => `  ${pc.dim(key.padEnd(8))}${value}`);
  const heading = `${pc.bold('dtask worker')} ${version}  ${worker.name}`;
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
