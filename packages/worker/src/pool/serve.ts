/** The child's side of a pool: loads the app, and runs what the worker sends. */
import { setTimeout as pause } from 'node:timers/promises';
import type { App, WorkerProcess } from '@dtask/core';
import {
  assertSize,
  decodeMessage,
  type Definition,
  encode,
  Encoded,
  encodeError,
  encodeOutcome,
  findDefinition,
  gatherTask,
  keepContext,
  levelsOf,
  loadApp,
  nodeToJson,
} from '@dtask/core/internal';
import { SoftTimeLimitExceededError, TaskRevokedError, UnknownTaskError } from '@dtask/core';
import { captureConsole } from '../console.js';
import { workerLog, type WorkerLog } from '../log.js';
import { concludeRun, perform } from '../perform.js';
import { Profile, writeProfile } from '../monitor/profile.js';
import type { Report } from '../report.js';
import { Run, type RunPlace } from '../run.js';
import { watchStrays } from '../strays.js';
import type { Channel } from './channel.js';
import type {
  AbortReason,
  Assignment,
  ChildReport,
  ChildSetup,
  EndDetails,
} from './conversation.js';
import type { FromChild, ToChild } from './conversation.js';

/** Longest that a child takes to end its own connections. */
const farewell = 2_000;

/** One child: it serves a worker until that says stop, or is gone. */
export function serve(channel: Channel<ToChild, FromChild>, memory: () => number): void {
  let child: Child | undefined;
  channel.onMessage((message, text) => {
    if (message[0] === 'setup') {
      Child.start(channel, message[1], memory).then(
        (started) => {
          child = started;
          channel.send(['ready']);
        },
        (error: unknown) => channel.send(['broken', encodeError(error)]),
      );
    } else if (child) child.hear(message, text);
    // What is wrong with it shows again when the app is loaded.
    else if (message[0] === 'preload') import(message[1]).catch(() => undefined);
    // Told to go before it had come.
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
  readonly #profile: Profile | undefined;
  readonly #runs = new Map<number, Run>();
  readonly #unstored = new Map<number, () => void>();
  /** Of runs that have ended: tells the hooks. */
  readonly #untold = new Map<number, () => Promise<void> | undefined>();
  #states = 0;

  static async start(
    channel: Channel<ToChild, FromChild>,
    setup: ChildSetup,
    memory: () => number,
  ): Promise<Child> {
    const log = workerLog({ level: setup.logLevel, fields: { worker: setup.worker } });
    captureConsole(log);
    keepContext();
    const app = await loadApp(setup.source);
    app.hooks.reportTo((hook, err) => log.error({ hook, err }, `the hook ${hook} threw`));
    const profile = setup.profile ? await Profile.start(setup.profile, setup.worker) : undefined;
    await app.hooks.emit('workerProcessInit', processOf(setup));
    return new Child(channel, app, setup, log, memory, profile);
  }

  private constructor(
    channel: Channel<ToChild, FromChild>,
    app: App,
    setup: ChildSetup,
    log: WorkerLog,
    memory: () => number,
    profile: Profile | undefined,
  ) {
    this.#profile = profile;
    this.#channel = channel;
    this.#app = app;
    this.#setup = setup;
    this.#log = log;
    this.#memory = memory;
    watchStrays(log, (error) => {
      log.fatal({ err: error }, 'an error outside of any task ends this child');
      log.flush();
      process.exit(1);
    });
  }

  hear(message: ToChild, text: string | undefined): void {
    switch (message[0]) {
      case 'run':
        return this.#run(message[1], message[2], text ?? '');
      case 'abort':
        return this.#runs.get(message[1])?.abort(reasonOf(message[2]), message[2].call);
      case 'cut':
        return this.#cut(message[1]);
      case 'stored':
        this.#unstored.get(message[1])?.();
        this.#unstored.delete(message[1]);
        return undefined;
      case 'tell':
        return void this.#tell(message[1]);
      case 'forget':
        this.#untold.delete(message[1]);
        return undefined;
      case 'stop':
        return void this.#stop();
      case 'preload':
      case 'setup':
        return undefined;
    }
  }

  #run(number: number, { id, name, queue, retries, limit, soft }: Assignment, text: string): void {
    let run: Run;
    let report: Report | Promise<Report>;
    let definition: Definition | undefined;
    try {
      const message = decodeMessage(
        id,
        name,
        JSON.parse(text),
        levelsOf(name),
        this.#app.canvases.handles,
      );
      definition = findDefinition(this.#app.tasks, message);
      if (!definition) throw new UnknownTaskError(`a child of the worker has no task ${name}`);
      run = new Run(message, retries, queue, this.#placeOf(number), limit, soft);
      this.#runs.set(number, run);
      report = perform(definition, message, run, this.#app.hooks);
    } catch (error) {
      return this.#channel.send(['end', number, ['fail', encodeError(error)]]);
    }
    const known = definition;
    if (report instanceof Promise)
      void report.then((ended) => this.#end(number, run, known, ended));
    else this.#end(number, run, known, report);
    return undefined;
  }

  #end(number: number, run: Run, definition: Definition, ended: Report): void {
    // It has been cut.
    if (!this.#runs.delete(number)) return;
    // The values of a gathering are many: the worker looks at each.
    const limit = run.name === gatherTask ? Infinity : this.#app.config.maxPayload;
    const { report, encoded, text } = encodeReport(ended, limit);
    const listens = this.#app.hooks.touchesEnds || definition.hooks !== undefined;
    if (listens)
      this.#untold.set(number, () => concludeRun(definition, run, report, this.#app.hooks));
    const { children } = run;
    const details: EndDetails = {
      ...(children && { children }),
      ...(this.#setup.weigh && { memory: this.#memory() }),
      ...(listens && { listens }),
    };
    const said = Object.keys(details).length > 0;
    this.#channel.send(said ? ['end', number, encoded, details] : ['end', number, encoded], text);
  }

  /** Ends a run for the worker; its code goes on until this child ends. */
  #cut(number: number): void {
    this.#runs.get(number)?.end();
    this.#runs.delete(number);
    this.#channel.send(['left', number]);
  }

  /** Tells the hooks how a run has ended. */
  async #tell(number: number): Promise<void> {
    const tell = this.#untold.get(number);
    this.#untold.delete(number);
    await tell?.();
    this.#channel.send(['told', number]);
  }

  #placeOf(number: number): RunPlace {
    return {
      worker: this.#setup.worker,
      tracing: this.#app.canvases.tracing,
      logger: this.#log,
      report: (_message, outcome) => {
        const state = (this.#states += 1);
        const limit = this.#app.config.maxPayload;
        this.#channel.send(['state', number, state, encodeOutcome(outcome, limit)]);
        return new Promise((resolve) => this.#unstored.set(state, resolve));
      },
      tell: (_message, event, fields) => this.#channel.send(['event', number, event, fields]),
      lend: () => this.#channel.send(['lend', number]),
      takeBack: () => this.#channel.send(['back', number]),
      grow: (part, message, join, name) => this.#app.canvases.grow(part, message, join, name),
    };
  }

  async #stop(): Promise<void> {
    await Promise.race([
      this.#app.hooks.emit('workerProcessShutdown', processOf(this.#setup)),
      pause(farewell),
    ]);
    await Promise.race([this.#app.close(), pause(farewell)]);
    if (this.#profile) await writeProfile(this.#profile, this.#log);
    this.#log.flush();
    process.exit(0);
  }
}

const processOf = ({ worker, kind }: ChildSetup): WorkerProcess => ({
  worker,
  pool: kind,
  pid: process.pid,
});

interface EncodedReport {
  readonly report: Report;
  readonly encoded: ChildReport;
  /** The value. */
  readonly text?: string | undefined;
}

/** Writes a report; what cannot travel fails the task, as if it had thrown that. */
function encodeReport(report: Report, maxPayload: number): EncodedReport {
  try {
    if (report.kind !== 'value') return { report, encoded: encodeSafe(report) };
    return { report, encoded: ['value'], text: encodeValue(report.value, maxPayload) };
  } catch (error) {
    return { report: { kind: 'fail', error }, encoded: ['fail', encodeError(error)] };
  }
}

function encodeValue(value: unknown, maxPayload: number): string | undefined {
  if (value === undefined) return undefined;
  const text = value instanceof Encoded ? value.text : JSON.stringify(encode(value, 'result'));
  if (text.length * 3 > maxPayload) assertSize(text, maxPayload, 'the result of the task');
  return text;
}

function encodeSafe(report: Exclude<Report, { kind: 'value' }>): ChildReport {
  switch (report.kind) {
    case 'fail':
      return ['fail', encodeError(report.error)];
    case 'retry': {
      const { wait, due, error, args } = report;
      if (!args && due === undefined) return ['retry', wait, encodeError(error)];
      const encoded = args ? encode(args, 'args') : null;
      return [
        'retry',
        wait,
        encodeError(error),
        encoded,
        ...(due === undefined ? [] : [due]),
      ] as never;
    }
    case 'ignore':
    case 'requeue':
      return [report.kind];
    case 'replace':
      return ['replace', nodeToJson(report.node)];
    case 'revoked':
    case 'crashed':
      throw new Error(`a child does not report ${report.kind}`);
  }
}

const reasons = { SoftTimeLimitExceededError, TaskRevokedError } as const;

/** The error that a signal fires with. */
function reasonOf({ name, message }: AbortReason): Error {
  const known = Object.hasOwn(reasons, name) ? reasons[name as keyof typeof reasons] : Error;
  return new known(message);
}
