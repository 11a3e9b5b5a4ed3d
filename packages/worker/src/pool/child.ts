/** The worker's side of one child of a pool. */
import { performance as clock } from 'node:perf_hooks';
import { StartupError, WorkerLostError } from '@dtask/core';
import {
  longestTimer,
  decode,
  decodeArgs,
  Encoded,
  nodeFromJson,
  parseOutcome,
} from '@dtask/core/internal';
import type { Report } from '../report.js';
import { Run, type RunPlace } from '../run.js';
import type { ChildReport, ChildSetup, FromChild } from './conversation.js';
import type { Performance, Work } from './pool.js';
import type { Spawned } from './spawn.js';

/** What children need of their worker. */
export interface ChildPlace {
  readonly runs: RunPlace;
}

/** What a child is started with. */
export interface ChildOptions {
  readonly setup: ChildSetup;
  readonly place: ChildPlace;
  /** Whether it runs many tasks at a time. */
  readonly shared: boolean;
  /** Hears when there may be room in it for a task. */
  readonly onChange: (child: Child) => void;
}

/** How long a child that was told to end may take, in milliseconds: hooks of the user's run then. */
const longestFarewell = 5_000;

/** A task in a child. */
class Part implements Performance {
  readonly report: Promise<Report>;
  readonly work: Work;
  readonly #runs: RunPlace;
  children: readonly string[] | undefined;
  /** Whether its process tells the hooks how it ended. */
  told = false;
  /** Whether it waits for a result of another task. */
  lent = false;
  tell: (() => Promise<void>) | undefined;
  over: (() => void) | undefined;
  settle: (report: Report) => void = () => undefined;
  abort: (reason: Error, call?: string) => void = () => undefined;
  cut: (report: Report) => void = () => undefined;

  constructor(work: Work, runs: RunPlace) {
    this.work = work;
    this.#runs = runs;
    this.report = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** Made where it was killed: the hooks hear of it here. */
  get run(): Run | undefined {
    if (this.told) return undefined;
    const { message, retries, queue, limit, soft } = this.work;
    return new Run(message, retries, queue, this.#runs, limit, soft);
  }
}

/** A child: what it runs, and how it ends. */
export class Child {
  readonly spawned: Spawned;
  /** Resolves when the app is loaded in it; rejected where it cannot be, or the child dies. */
  readonly ready: Promise<void>;
  /** Resolves when the child is gone. */
  readonly gone: Promise<string>;
  /** How many tasks have ended in it. */
  done = 0;
  /** Its memory after the last task, in bytes. */
  memory = 0;
  /** Takes no more tasks. */
  retired = false;
  /** How it ended, when it has. */
  end: 'crashed' | 'killed' | 'retired' | undefined;
  /** Whether it was told to end, or was killed: what ends it then is no fault of its own. */
  dismissed = false;
  readonly since = clock.now();
  readonly #parts = new Map<number, Part>();
  /** The tasks that have ended, and of which its hooks are to be told; what to do then. */
  readonly #telling = new Map<number, () => void>();
  readonly #place: ChildPlace;
  readonly #shared: boolean;
  readonly #onChange: (child: Child) => void;
  /** Of tasks that were ended while others go on: kills it where its loop is held up. */
  readonly #cutting = new Map<number, NodeJS.Timeout>();
  #last = 0;
  #loaded: (() => void) | undefined;
  #broken: ((error: Error) => void) | undefined;
  #killed = false;

  constructor(spawned: Spawned, { setup, place, shared, onChange }: ChildOptions) {
    this.spawned = spawned;
    this.#place = place;
    this.#shared = shared;
    this.#onChange = onChange;
    this.ready = new Promise((resolve, reject) => {
      this.#loaded = resolve;
      this.#broken = reject;
    });
    spawned.channel.onMessage((message, text) => this.#hear(message, text));
    this.gone = spawned.gone.then((how) => {
      this.#died(how);
      return how;
    });
    spawned.channel.send(['setup', setup]);
  }

  /** Whether it can take a task: it has none, or all of them wait for results, or many may share it. */
  get free(): boolean {
    if (this.#shared) return !this.retired;
    if (this.retired || this.#telling.size > 0) return false;
    for (const { lent } of this.#parts.values()) if (!lent) return false;
    return true;
  }

  /** How many tasks it has. */
  get running(): number {
    return this.#parts.size;
  }

  /** Runs a task. */
  start(work: Work, text: string): Performance {
    const number = (this.#last += 1);
    const part = new Part(work, this.#place.runs);
    this.#parts.set(number, part);
    part.abort = ({ name, message }, call) =>
      this.spawned.channel.send(['abort', number, { name, message, ...(call && { call }) }]);
    part.cut = (report) => this.#cut(number, part, report);
    const { message, queue, retries, limit, soft } = work;
    const { id, name } = message;
    const assignment = { id, name, queue, retries, limit, ...(soft > 0 && { soft }) };
    this.spawned.channel.send(['run', number, assignment], text);
    return part;
  }

  #cut(number: number, part: Part, report: Report): void {
    // What goes back to its queue must not go on here.
    const goesOn = this.#shared && this.#parts.size > 1 && report.kind !== 'requeue';
    if (goesOn) {
      // Its code runs on beside the others, and ends with the child when they have ended.
      this.retired = true;
      this.#cutting.set(
        number,
        setTimeout(() => this.kill(), longestFarewell),
      );
      this.spawned.channel.send(['cut', number]);
    }
    this.#end(number, part, report);
    if (!goesOn) this.kill();
  }

  /** Has it end by itself. It has no task any more. */
  retire(): void {
    this.retired = true;
    if (this.dismissed || this.#parts.size + this.#telling.size > 0) return;
    this.dismissed = true;
    this.spawned.channel.send(['stop']);
    // What a task left behind may block its loop.
    const late = setTimeout(() => this.kill(), longestFarewell).unref();
    void this.gone.then(() => clearTimeout(late));
  }

  /** Ends it where it stands. */
  kill(): void {
    this.retired = true;
    this.dismissed = true;
    this.#killed = true;
    this.spawned.kill();
  }

  #hear(message: FromChild, text: string | undefined): void {
    switch (message[0]) {
      case 'ready':
        return this.#loaded?.();
      case 'broken':
        return this.#broken?.(decode(message[1], 'error') as Error);
      case 'end': {
        const [, number, report, { children, memory, listens = false } = {}] = message;
        const part = this.#parts.get(number);
        if (!part) return undefined;
        this.done += 1;
        this.memory = memory ?? this.memory;
        part.children = children;
        part.told = true;
        if (listens) this.#listen(number, part);
        return this.#end(number, part, this.#decoded(report, text));
      }
      case 'left':
        return this.#left(message[1]);
      case 'told':
        return this.#told(message[1]);
      case 'state':
        return this.#report(message[1], message[2], message[3]);
      case 'event': {
        const [, number, event, fields] = message;
        const part = this.#parts.get(number);
        return part && this.#place.runs.tell(part.work.message, event, fields);
      }
      case 'lend':
        return this.#lend(message[1], true);
      case 'back':
        return this.#lend(message[1], false);
    }
  }

  /** Has a task's hooks told of its end as soon as that is stored, or not at all. */
  #listen(number: number, part: Part): void {
    const told = new Promise<void>((resolve) => this.#telling.set(number, resolve));
    let asked = false;
    part.tell = () => {
      if (!asked) this.spawned.channel.send(['tell', number]);
      asked = true;
      return this.#limitTelling(part, told);
    };
    part.over = () => {
      if (asked || !this.#telling.has(number)) return;
      this.spawned.channel.send(['forget', number]);
      this.#told(number);
    };
  }

  /** Hooks that hang would keep the place of a task for ever whose time limit is to see to that. */
  async #limitTelling({ work }: Part, told: Promise<void>): Promise<void> {
    const { limit, message } = work;
    if (limit === 0) return told;
    const end = (): void => {
      const { name: task, id } = message;
      const { logger } = this.#place.runs;
      logger.error({ task, id }, "its hooks outlast the task's timeLimit: the child is killed");
      this.kill();
    };
    const timer = setTimeout(end, Math.min(limit, longestTimer));
    await told;
    clearTimeout(timer);
    return undefined;
  }

  #left(number: number): void {
    clearTimeout(this.#cutting.get(number));
    this.#cutting.delete(number);
  }

  #told(number: number): void {
    this.#telling.get(number)?.();
    this.#telling.delete(number);
    this.#settled();
  }

  #end(number: number, part: Part, report: Report): void {
    this.#parts.delete(number);
    // What it was lent while its task waited.
    if (part.lent) this.#place.runs.takeBack();
    part.settle(report);
    this.#settled();
  }

  #settled(): void {
    if (this.retired && !this.#killed) this.retire();
    this.#onChange(this);
  }

  #report(number: number, state: number, text: string): void {
    const part = this.#parts.get(number);
    if (!part) return;
    const stored = this.#place.runs.report(part.work.message, parseOutcome(text));
    void stored.then(() => this.spawned.channel.send(['stored', state]));
  }

  #lend(number: number, lent: boolean): void {
    const part = this.#parts.get(number);
    if (!part || part.lent === lent) return;
    part.lent = lent;
    if (lent) {
      this.#place.runs.lend();
      this.#onChange(this);
    } else this.#place.runs.takeBack();
  }

  #died(how: string): void {
    this.end = this.#killed ? 'killed' : this.retired ? 'retired' : 'crashed';
    this.retired = true;
    this.#broken?.(new StartupError(`a child ended before its app was loaded: ${how}`));
    for (const resolve of this.#telling.values()) resolve();
    this.#telling.clear();
    for (const timer of this.#cutting.values()) clearTimeout(timer);
    const shared = this.#parts.size > 1;
    for (const [number, part] of this.#parts) {
      // One that only waited for another's result is not to blame.
      const innocent = this.#killed || (part.lent && shared);
      const crashed: Report = { kind: 'crashed', how, ...(this.#shared && { shared }) };
      this.#end(number, part, innocent ? swept(part.work) : crashed);
    }
  }

  #decoded(report: ChildReport, text: string | undefined): Report {
    switch (report[0]) {
      case 'value':
        return { kind: 'value', value: text === undefined ? undefined : new Encoded(text) };
      case 'fail':
        return { kind: 'fail', error: decode(report[1], 'error') };
      case 'retry': {
        const [, wait, error, args, due] = report;
        return {
          kind: 'retry',
          wait,
          error: decode(error, 'error'),
          ...(due !== undefined && { due }),
          ...(args !== undefined && args !== null && { args: decodeArgs(args as never) }),
        };
      }
      case 'ignore':
        return { kind: 'ignore' };
      case 'requeue':
        return { kind: 'requeue' };
      case 'replace':
        return { kind: 'replace', node: nodeFromJson(report[1]) };
    }
  }
}

/** What becomes of a task whose child was killed for another task's sake, while it waited in it. */
function swept({ message: { name, id }, definition }: Work): Report {
  if (!definition.execution.atMostOnce) return { kind: 'requeue' };
  const error = new WorkerLostError(
    `the process of task ${name}[${id}] was killed for the sake of another task while it ran`,
  );
  return { kind: 'fail', error };
}
