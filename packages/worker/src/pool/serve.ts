/** The child's side of a pool: loads the app, and runs what the worker sends. */
import { setTimeout as pause } from 'node:timers/promises';
import type { App } from '@dtask/core';
import {
  decodeMessage,
  encode,
  encodeError,
  encodeOutcome,
  findDefinition,
  loadApp,
  nodeToJson,
} from '@dtask/core/internal';
import { SoftTimeLimitExceededError, TaskRevokedError, UnknownTaskError } from '@dtask/core';
import { captureConsole } from '../console.js';
import { workerLog, type WorkerLog } from '../log.js';
import { perform } from '../perform.js';
import type { Report } from '../report.js';
import { blame, Run, type RunPlace } from '../run.js';
import type { Channel } from './channel.js';
import type { AbortReason, Assignment, ChildReport, ChildSetup } from './conversation.js';
import type { FromChild, ToChild } from './conversation.js';

/** Longest that a child takes to end its own connections. */
const farewell = 2_000;

/** One child: it serves a worker until that says stop, or is gone. */
export function serve(channel: Channel<ToChild, FromChild>, memory: () => number): void {
  let child: Child | undefined;
  channel.onMessage((message) => {
    if (message[0] === 'setup') {
      Child.start(channel, message[1], memory).then(
        (started) => {
          child = started;
          channel.send(['ready']);
        },
        (error: unknown) => channel.send(['broken', encodeError(error)]),
      );
    } else if (child) child.hear(message);
    else if (message[0] === 'stop') process.exit(0);
  });
  // Without a worker nobody hears of the end: another worker runs the task again.
  channel.onClose(() => process.exit(0));
}

class Child {
  readonly #channel: Channel<ToChild, FromChild>;
  readonly #app: App;
  readonly #setup: ChildSetup;
  readonly #log: WorkerLog;
  readonly #memory: () => number;
  readonly #runs = new Map<number, Run>();
  readonly #unstored = new Map<number, () => void>();
  #states = 0;

  static async start(
    channel: Channel<ToChild, FromChild>,
    setup: ChildSetup,
    memory: () => number,
  ): Promise<Child> {
    const log = workerLog({ level: setup.logLevel, fields: { worker: setup.worker } });
    captureConsole(log);
    return new Child(channel, await loadApp(setup.source), setup, log, memory);
  }

  private constructor(
    channel: Channel<ToChild, FromChild>,
    app: App,
    setup: ChildSetup,
    log: WorkerLog,
    memory: () => number,
  ) {
    this.#channel = channel;
    this.#app = app;
    this.#setup = setup;
    this.#log = log;
    this.#memory = memory;
    this.#watchStrays();
  }

  hear(message: ToChild): void {
    switch (message[0]) {
      case 'run':
        return this.#run(message[1], message[2], message[3]);
      case 'abort':
        return this.#runs.get(message[1])?.abort(reasonOf(message[2]));
      case 'stored':
        this.#unstored.get(message[1])?.();
        this.#unstored.delete(message[1]);
        return undefined;
      case 'stop':
        return void this.#stop();
      case 'setup':
        return undefined;
    }
  }

  #run(number: number, { id, name, queue, retries, limit }: Assignment, text: string): void {
    const end = (report: ChildReport, run?: Run): void => {
      this.#runs.delete(number);
      const memory = this.#setup.weigh ? this.#memory() : null;
      if (memory === null && !run?.children) this.#channel.send(['end', number, report]);
      else this.#channel.send(['end', number, report, run?.children ?? [], memory]);
    };
    let run: Run;
    let report: Report | Promise<Report>;
    try {
      const message = decodeMessage(id, name, JSON.parse(text));
      const definition = findDefinition(this.#app.tasks, message);
      if (!definition) throw new UnknownTaskError(`a child of the worker has no task ${name}`);
      run = new Run(message, retries, queue, this.#placeOf(number), limit);
      this.#runs.set(number, run);
      report = perform(definition, message, run);
    } catch (error) {
      return end(['fail', encodeError(error)]);
    }
    if (report instanceof Promise) void report.then((ended) => end(encodeReport(ended), run));
    else end(encodeReport(report), run);
    return undefined;
  }

  #placeOf(number: number): RunPlace {
    return {
      worker: this.#setup.worker,
      logger: this.#log,
      report: (_message, outcome) => {
        const state = (this.#states += 1);
        const limit = this.#app.config.maxPayload;
        this.#channel.send(['state', number, state, encodeOutcome(outcome, limit)]);
        return new Promise((resolve) => this.#unstored.set(state, resolve));
      },
      lend: () => this.#channel.send(['lend', number]),
      takeBack: () => this.#channel.send(['back', number]),
      grow: (part, message, join, name) => this.#app.canvases.grow(part.node, message, join, name),
    };
  }

  async #stop(): Promise<void> {
    await Promise.race([this.#app.close(), pause(farewell)]);
    this.#log.flush();
    process.exit(0);
  }

  /** What a task leaves behind is its own fault, where it is known whose it is. */
  #watchStrays(): void {
    process.on('unhandledRejection', (error) => {
      this.#log.error(
        { err: error },
        'a promise was rejected that nobody awaits; a task forgot an await',
      );
    });
    process.on('uncaughtException', (error) => {
      if (blame(error)) return;
      this.#log.fatal({ err: error }, 'an error outside of any task ends this child');
      this.#log.flush();
      process.exit(1);
    });
  }
}

function encodeReport(report: Report): ChildReport {
  try {
    switch (report.kind) {
      case 'value':
        if (report.value === undefined) return ['value'];
        return ['value', JSON.stringify(encode(report.value, 'result'))];
      case 'fail':
        return ['fail', encodeError(report.error)];
      case 'retry':
        return [
          'retry',
          report.wait,
          encodeError(report.error),
          ...(report.args ? ([encode(report.args, 'args')] as const) : ([] as const)),
        ];
      case 'ignore':
      case 'requeue':
        return [report.kind];
      case 'replace':
        return ['replace', nodeToJson(report.node)];
      case 'revoked':
      case 'crashed':
        throw new Error(`a child does not report ${report.kind}`);
    }
  } catch (error) {
    return ['fail', encodeError(error)];
  }
}

const reasons = { SoftTimeLimitExceededError, TaskRevokedError } as const;

/** The error that a signal fires with. */
function reasonOf({ name, message }: AbortReason): Error {
  const known = Object.hasOwn(reasons, name) ? reasons[name as keyof typeof reasons] : Error;
  return new known(message);
}
