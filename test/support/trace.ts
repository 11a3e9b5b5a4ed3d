/** Reads what the tasks of `fixtures/faults` leave behind in files, which no fault of Redis touches. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.js';

/** One run of one task. */
export interface Start {
  readonly id: string;
  readonly pid: number;
  /** When it began, in milliseconds since 1970. */
  readonly at: number;
}

/** A folder of traces: for each mark, the runs under it and a gate that holds them. */
export class Trace implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'dtask-trace-'));

  /** The runs under a mark, in order. */
  starts(mark: string): Start[] {
    return this.#lines(`${mark}.starts`).map((line) => JSON.parse(line) as Start);
  }

  /** How many runs under a mark came to their end. */
  ends(mark: string): number {
    return this.#lines(`${mark}.ends`).length;
  }

  /** Resolves when at least `count` runs under a mark have started; gives them. */
  started(mark: string, count = 1, limit = 15_000): Promise<Start[]> {
    return until(
      `${count} runs of ${mark} have started`,
      () => {
        const starts = this.starts(mark);
        return starts.length >= count && starts;
      },
      limit,
    );
  }

  /** The names of all files there are. */
  names(): string[] {
    return readdirSync(this.dir).toSorted();
  }

  /** Lets the gated tasks under a mark end. */
  open(mark: string): void {
    writeFileSync(join(this.dir, `${mark}.open`), '');
  }

  #lines(file: string): string[] {
    let text: string;
    try {
      text = readFileSync(join(this.dir, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    // Behind the last line break may be the first part of a line that is being written.
    return text.split('\n').slice(0, -1);
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
