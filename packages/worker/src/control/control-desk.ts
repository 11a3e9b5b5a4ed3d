/** What a worker has for being controlled and for telling: put together, started and stopped here. */
import {
  EventWriter,
  type LimitOverride,
  openConnection,
  RevocationRules,
  type ServerClock,
} from '@dtask/core/internal';
import { Heart } from '../events/heart.js';
import { TaskEvents } from '../events/task-events.js';
import type { WorkerLog } from '../log.js';
import { carryOut, isChange } from './commands.js';
import { ControlListener } from './control-listener.js';
import { type TargetPlace, WorkerTarget } from './worker-target.js';

/** What a desk needs of its worker. */
export interface DeskPlace extends Omit<TargetPlace, 'rules' | 'limits' | 'heart' | 'tell'> {
  readonly log: WorkerLog;
  /** What the connection hears beside requests: that it does shows that the worker lives. */
  readonly channels: readonly string[];
}

/** A worker's control plane. */
export class ControlDesk {
  /** The main server's clock. */
  readonly clock: ServerClock;
  /** Tells of tasks, for the executor. */
  readonly events: TaskEvents;
  /** The rules by which tasks are revoked that were not sent yet. */
  readonly rules: RevocationRules;
  /** The limits that were changed at run time, by the task's name. */
  readonly limits = new Map<string, LimitOverride>();
  readonly #writer: EventWriter;
  readonly #heart: Heart;
  readonly #listener: ControlListener;
  readonly #target: WorkerTarget;
  readonly #log: WorkerLog;

  constructor(place: DeskPlace) {
    const { app, worker, config, connection, log, current, queues, size, channels } = place;
    const { eventsKept: kept } = app.config;
    const { main } = app.queues.shards;
    const { prefix, clock } = main;
    this.#log = log;
    this.clock = clock;
    this.rules = new RevocationRules(clock.now);
    const isUp = (): boolean => connection.status === 'ready';
    const add: ConstructorParameters<typeof EventWriter>[0]['add'] = (...args) =>
      connection.xadd(...args);
    this.#writer = new EventWriter(
      { prefix, worker, kept, add, isUp, now: clock.now },
      config.events,
    );
    this.events = new TaskEvents(this.#writer);
    this.#heart = new Heart({
      writer: this.#writer,
      queues,
      concurrency: size,
      active: () => [...current()].length,
      processed: () => place.counts.processed,
    });
    const { rules, limits } = this;
    const tell = (on: boolean): void => this.#tell(on);
    this.#target = new WorkerTarget({ ...place, rules, limits, heart: this.#heart, tell });
    this.#listener = new ControlListener({
      worker,
      prefix,
      channels,
      publisher: connection,
      clock: this.clock,
      log,
      open: () => openConnection(main, `control:${worker}`),
      carryOut: (command, args) => this.#carryOut(command, args),
      onReturn: () => this.#catchUp(),
    });
  }

  /** Begins to hear, ahead of the worker's claim on its name: whoever sees that asks. */
  open(): Promise<void> {
    return this.#listener.open();
  }

  /** Reads what was decided while the worker was not there, and begins to answer and to tell. */
  async begin(): Promise<void> {
    await Promise.all([this.#target.readRules({ endsRunning: true }), this.#target.readLimits()]);
    this.#listener.begin();
    this.#heart.start();
  }

  /** Hears no more, at once. */
  cut(): void {
    this.#listener.cut();
  }

  /** Tells that the worker goes, while there is still a connection to tell by. */
  async close(): Promise<void> {
    // First, for a command may switch events on.
    await this.#listener.stop();
    this.#heart.stop();
    await this.#writer.close();
  }

  #tell(on: boolean): void {
    if (!on) this.#heart.stop();
    this.#writer.on = on;
    this.#heart.start();
  }

  #carryOut(command: string, args: Readonly<Record<string, unknown>>): unknown {
    if (isChange(command)) this.#log.info({ command, args }, `control: ${command}`);
    return carryOut(this.#target, command, args);
  }

  /** What was published while the connection was away is in Redis. */
  #catchUp(): void {
    Promise.all([this.#target.readRules({ endsRunning: true }), this.#target.readLimits()]).catch(
      (error: unknown) =>
        this.#log.warn({ err: error }, 'rules and limits were not read after an outage'),
    );
  }
}
