/** Which tasks of a canvas are not sent with it, and what comes before each of them. Pure. */
import { IdRuns } from '../protocol/id-run.js';
import type { Before } from '../protocol/outcome.js';
import { isGroupStep, type Step, type TaskStep, tasksOf } from '../protocol/step.js';

/** A task that is sent when what comes before it has ended. */
export interface WaitingTask {
  readonly step: TaskStep;
  readonly queue: string;
  /** Absent where that would take too much room. */
  readonly before: Before | undefined;
}

/** Gives where a task is sent. */
export type QueueOf = (step: TaskStep) => string;

/** More runs are not noted: a chain of a thousand ids of the caller's own would note each of them a thousand times. */
const mostRuns = 32;

/** What has to end before something, as it is gathered. */
export class Path {
  readonly #ids: IdRuns;
  readonly #queues: Set<string>;
  #isKnown = true;
  #before: Before | undefined;

  constructor({ runs, queues }: Before = { runs: [], queues: [] }) {
    this.#ids = new IdRuns(runs);
    this.#queues = new Set(queues);
  }

  /** Of what is not known yet. */
  static unknown(): Path {
    const path = new Path();
    path.#isKnown = false;
    return path;
  }

  /** Adds all of a step. */
  add(step: Step, queueOf: QueueOf): void {
    this.#before = undefined;
    if (this.#ids.length > mostRuns) this.#isKnown = false;
    if (!this.#isKnown) return;
    if ('task' in step) {
      this.#ids.add(step.id);
      this.#queues.add(queueOf(step));
      return;
    }
    for (const part of isGroupStep(step) ? step.group : step.chain) this.add(part, queueOf);
    // By its join it is known whether it has grown.
    if (isGroupStep(step)) this.#ids.add(step.id);
  }

  get isEmpty(): boolean {
    return this.#isKnown && this.#queues.size === 0;
  }

  copy(): Path {
    return this.#isKnown ? new Path(this.#all) : Path.unknown();
  }

  /** What there is so far; nothing where that is not known, or would take too much room. */
  get before(): Before | undefined {
    return this.#isKnown && this.#ids.length <= mostRuns ? this.#all : undefined;
  }

  get #all(): Before {
    return (this.#before ??= { runs: this.#ids.runs, queues: [...this.#queues] });
  }
}

/**
 * The tasks of a canvas that wait for others, and the callbacks whose ids their caller has given.
 *
 * @param path what comes before the canvas
 */
export function waitingTasks(
  canvas: Step,
  queueOf: QueueOf,
  path = new Path(),
): readonly WaitingTask[] {
  const waiting = new Waiting(queueOf);
  waiting.follow(canvas, path, false);
  return waiting.found;
}

class Waiting {
  readonly found: WaitingTask[] = [];
  readonly #queueOf: QueueOf;

  constructor(queueOf: QueueOf) {
    this.#queueOf = queueOf;
  }

  /**
   * Goes through a step.
   *
   * @param path what comes before it, to which the step is added
   * @param isFollowed whether anything comes behind it that wants to know
   */
  follow(step: Step, path: Path, isFollowed: boolean): void {
    if ('task' in step) {
      this.#task(step, path);
      path.add(step, this.#queueOf);
      return;
    }
    if (!isGroupStep(step)) {
      for (const [at, part] of step.chain.entries())
        this.follow(part, path, isFollowed || at < step.chain.length - 1);
      return;
    }
    for (const part of step.group) {
      if ('task' in part) this.#task(part, path);
      else this.follow(part, path.copy(), false);
    }
    if (isFollowed) path.add(step, this.#queueOf);
  }

  #task(step: TaskStep, path: Path): void {
    if (!path.isEmpty) this.#wait(step, path);
    for (const linked of [...(step.link ?? []), ...(step.linkError ?? [])]) {
      for (const task of tasksOf(linked)) {
        if (!task.named) continue;
        const behind = path.copy();
        behind.add(step, this.#queueOf);
        this.#wait(task, behind);
      }
    }
  }

  #wait(step: TaskStep, { before }: Path): void {
    this.found.push({ step, queue: this.#queueOf(step), before });
  }
}
