/** A task that waits for a child. */
import { TaskRevokedError } from '@dtask/core';
import type { Report } from '../report.js';
import type { Run } from '../run.js';
import type { Performance, Work } from './pool.js';

/** What a task is to its worker while it waits for a child, and then in that. */
export class Waiting implements Performance {
  readonly report: Promise<Report>;
  readonly begun: Promise<void>;
  readonly work: Work;
  #started: Performance | undefined;
  #settle: (report: Report) => void = () => undefined;
  #begin: () => void = () => undefined;
  #aborted: Error | undefined;
  #cut = false;
  gaveUp = false;

  constructor(work: Work) {
    this.work = work;
    this.report = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  get run(): Run | undefined {
    return this.#started?.run;
  }

  get children(): readonly string[] | undefined {
    return this.#started?.children;
  }

  get tell(): Performance['tell'] {
    return this.#started?.tell;
  }

  get over(): Performance['over'] {
    return this.#started?.over;
  }

  /** Whether it still wants a child. */
  get wants(): boolean {
    return !this.#cut;
  }

  begin(started: Performance): void {
    this.#started = started;
    this.#begin();
    if (this.#aborted) started.abort(this.#aborted);
    void Promise.resolve(started.report).then(this.#settle);
  }

  abort(reason: Error, call?: string): void {
    if (this.#started) this.#started.abort(reason, call);
    // There is no code yet that could hear of it.
    else if (reason instanceof TaskRevokedError)
      this.cut({ kind: 'revoked', by: { kind: 'revoked', reason: reason.message } });
    else this.#aborted = reason;
  }

  giveUp(): void {
    if (this.#started || this.#cut) return;
    this.gaveUp = true;
    this.cut({ kind: 'requeue' });
  }

  cut(report: Report): void {
    this.#cut = true;
    if (this.#started) this.#started.cut(report);
    else this.#settle(report);
  }
}
