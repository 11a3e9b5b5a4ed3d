/** Where the code of tasks runs. */
import type { Definition, Message } from '@dtask/core/internal';
import type { PoolKind } from '@dtask/core';
import type { Report } from '../report.js';
import type { Run } from '../run.js';

/** A task that is to run. */
export interface Work {
  readonly message: Message;
  /** The message as it came; absent where it is more than that: a group's values, say. */
  readonly text: string | undefined;
  readonly definition: Definition;
  readonly queue: string;
  /** How many times it has been retried. */
  readonly retries: number;
  /** Longest run, in milliseconds; 0 is none. The pool tells the task, and does not end it. */
  readonly limit: number;
  /** When its signal fires, in milliseconds from its start; 0 is never. The worker fires it. */
  readonly soft: number;
}

/** A task that runs. */
export interface Performance {
  /** How it ended; a promise where it has not ended yet. */
  readonly report: Report | Promise<Report>;
  /** Resolves when it begins, where it has to wait for a child. */
  readonly begun?: Promise<void>;
  /** Its context, for hooks; absent where the process that ran it has told them. */
  readonly run: Run | undefined;
  /** The tasks that it has called. */
  readonly children: readonly string[] | undefined;
  /**
   * Has the process that ran it tell the hooks how it ended; resolves when they are done. Absent
   * where there is nobody to tell there.
   */
  readonly tell?: (() => Promise<void>) | undefined;
  /** All is done that its end led to. What its hooks were not told of, they are not told any more. */
  readonly over?: (() => void) | undefined;
  /**
   * Fires the task's `signal`.
   *
   * @param call of many that run together, that of this one alone
   */
  abort(reason: Error, call?: string): void;
  /** Ends its wait for a child, and with that itself; nothing where it has begun. */
  giveUp?(): void;
  /** Whether it was given up. */
  readonly gaveUp?: boolean;
  /** Ends it now, with this report. What it runs in is killed, where that can be. */
  cut(report: Report): void;
}

/** A pool of a worker. */
export interface Pool {
  readonly kind: PoolKind;
  /** Starts a task. */
  start(work: Work): Performance;
  /** Changes how many tasks run at a time. */
  resize(size: number): void;
  /** Says what runs, for `inspect`. */
  stats(): { readonly implementation: PoolKind; readonly [more: string]: unknown };
  /** Ends it, when its tasks have ended; with `force` they are killed. */
  stop(force?: boolean): Promise<void>;
}
