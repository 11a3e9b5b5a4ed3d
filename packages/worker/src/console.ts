/** Sends what tasks print with `console` to the log, where it gets the task's name and id. */
import { format } from 'node:util';
import { findCurrentTask } from '@dtask/core/internal';
import type { WorkerLog } from './log.js';

const levels = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' } as const;

/** Replaces the printing methods of `console`, for code that runs inside a task. */
export function captureConsole(log: WorkerLog): void {
  for (const [method, level] of Object.entries(levels) as [
    keyof typeof levels,
    'debug' | 'info' | 'warn' | 'error',
  ][]) {
    const print = console[method].bind(console);
    console[method] = (...given: unknown[]): void => {
      if (findCurrentTask()) log[level](format(...given));
      else print(...given);
    };
  }
}
