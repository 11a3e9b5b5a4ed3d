/** A worker started through the command line, and its log. */
import { onTestFinished } from 'vitest';
import { DtaskProcess, type Surroundings } from './dtask-process.js';
import { until } from './until.js';

/** A line of a worker's JSON log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly worker?: string;
  readonly task?: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

/** What a worker is started with. */
export interface WorkerSetup extends Surroundings {
  /** @default faults/app.ts */
  readonly app?: string;
  /** @default worker */
  readonly command?: string;
  /** Further flags. */
  readonly flags?: readonly string[];
}

/** A `dtask worker` process. */
export class WorkerProcess extends DtaskProcess {
  constructor(setup: WorkerSetup) {
    const { app = 'faults/app.ts', command = 'worker', flags = [], ...surroundings } = setup;
    super([command, '-A', app, ...flags], surroundings);
  }

  /** Its log so far. What is no JSON, such as output of tasks' children, is left out. */
  get log(): LogLine[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** Resolves to the first line whose message matches. */
  async logged(pattern: RegExp, limit = 15_000): Promise<LogLine> {
    return until(
      `the worker has logged ${String(pattern)}`,
      () => {
        const line = this.log.find(({ msg }) => pattern.test(msg));
        if (line || !this.hasEnded) return line;
        throw new Error(`the worker ended before it logged ${String(pattern)}:\n${this.output}`);
      },
      limit,
    );
  }

  /** Resolves when it takes tasks. */
  async ready(): Promise<this> {
    await this.logged(/^ready$/, 20_000);
    return this;
  }
}

/** Starts a worker that ends with the test at the latest; resolves when it takes tasks. */
export async function startWorker(setup: WorkerSetup): Promise<WorkerProcess> {
  return startWorkerSoon(setup).ready();
}

/** Starts a worker that may have to wait before it takes tasks. */
export function startWorkerSoon(setup: WorkerSetup): WorkerProcess {
  const worker = new WorkerProcess(setup);
  onTestFinished(() => worker.kill());
  return worker;
}
