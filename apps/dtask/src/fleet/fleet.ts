/** Worker processes on one machine, and what keeps them running. It loads no app, and asks no Redis. */
import { StartupError } from '@dtask/core';
import type { Embedded } from '@dtask/embedded';
import type { WorkerLog } from '@dtask/worker/log';
import type { StandbyOrders } from '@dtask/worker/standby';
import { engineFor } from '../engine.js';
import { type Ending, exitCodes } from '../exit-codes.js';
import { type Stoppable, StopSignals } from '../work/stop-signals.js';
import type { BannerNotes, Facts, Opening } from './line.js';
import { Member, type Replaced } from './member.js';

/** How a fleet is made up. */
export interface FleetOrders {
  /** The arguments of each worker. */
  readonly workers: readonly (readonly string[])[];
  /** Whether to start a Redis where none listens at the app's broker. */
  readonly embedded: boolean;
  /** How long a worker that was told to stop waits for its tasks, in milliseconds; 0 is for ever. */
  readonly shutdownTimeout: number;
  /** What the first worker's banner says of the fleet. */
  readonly banner: (facts: Facts) => BannerNotes;
  /** Hears of each app that was found. */
  readonly onFound?: (facts: Facts) => void;
  readonly log: WorkerLog;
  /**
   * For code that is being written: a process waits at any time that has this ready, and only has
   * to load the app. What does not load waits for a change.
   */
  readonly development: StandbyOrders | undefined;
}

/** What a worker may take beyond its own time to stop, before it is killed, in milliseconds. */
const leeway = 2_000;
/** What it may take to hand back its tasks. */
const patience = 7_000;
/** Longest that workers that were killed take to be gone. */
const lastBreath = 1_000;

/** It ends when its workers have. */
export class Fleet implements Stoppable {
  readonly #orders: FleetOrders;
  readonly #members: readonly Member[];
  readonly #engines = new Map<string, Promise<Embedded | undefined>>();
  #engine: Embedded | undefined;
  #facts: Facts | undefined;
  #hasBanner = false;
  #stopping = false;
  #rolling = false;
  #again = false;
  #failure: Error | undefined;
  #ended: Promise<Ending[]> = Promise.resolve([]);

  constructor(orders: FleetOrders) {
    this.#orders = orders;
    const { workers, shutdownTimeout, log, development } = orders;
    this.#members = workers.map(
      (args, index) =>
        new Member({
          args,
          place: workers.length > 1 ? index + 1 : undefined,
          title: workers.length > 1 ? `worker ${index + 1}` : 'the worker',
          log,
          onFound: (facts) => this.#onFound(facts),
          onStillborn: (how) => this.#onStillborn(how),
          opening: () => this.#opening(),
          patience: { warm: shutdownTimeout > 0 ? shutdownTimeout + leeway : 0, cold: patience },
          retries: development === undefined,
          standby: development,
        }),
    );
  }

  /** Whether any of its workers takes tasks. */
  get isUp(): boolean {
    return this.#members.some(({ isUp }) => isUp);
  }

  /**
   * Works until it is told to stop; resolves to the worst exit code of its workers.
   *
   * @throws what kept the engine from starting
   */
  async run(): Promise<number> {
    new StopSignals(this, true);
    this.#ended = Promise.all(this.#members.map((member) => member.live()));
    const endings = await this.#ended;
    for (const engine of this.#engines.values())
      await (await engine.catch(() => undefined))?.stop();
    if (this.#failure) throw this.#failure;
    return Math.max(...endings.map(codeOf));
  }

  async #onFound(facts: Facts): Promise<void> {
    this.#facts = facts;
    this.#orders.onFound?.(facts);
    if (!this.#orders.embedded) return;
    const { broker } = facts;
    let starting = this.#engines.get(broker);
    if (!starting) {
      starting = engineFor(broker);
      this.#engines.set(broker, starting);
    }
    try {
      const engine = await starting;
      this.#engine = engine;
      void engine?.lost.then((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Where none of the workers has ever come up, whoever started them has to hear of it. */
  #onStillborn(how: string): void {
    if (!this.#members.every(({ isStillborn }) => isStillborn)) return;
    this.#fail(new StartupError(`no worker starts: ${how}; what is wrong is said above`));
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#stop('cold');
  }

  #opening(): Opening {
    if (this.#hasBanner || !this.#facts) return {};
    this.#hasBanner = true;
    const notes = this.#orders.banner(this.#facts);
    if (!this.#engine) return { banner: notes };
    const { engine, version, persistent } = this.#engine;
    return { banner: { ...notes, engine: { engine, version, persistent } } };
  }

  /** Replaces the process of every worker, one at a time; ends where a new one does not come up. */
  async replace(): Promise<Replaced> {
    for (const member of this.#members) {
      const replaced = await member.replace();
      if (replaced !== 'ready') return replaced;
    }
    return 'ready';
  }

  restart(): void {
    // Those that have been replaced already may have loaded what is old by now.
    if (this.#rolling) this.#again = true;
    else void this.#roll();
  }

  async #roll(): Promise<void> {
    const { log } = this.#orders;
    this.#rolling = true;
    do {
      this.#again = false;
      log.info('restarting: every worker gets a new process, one after the other');
      const replaced = await this.replace();
      if (replaced === 'ready') log.info('restarted');
      if (replaced === 'broken')
        log.error('the new process does not start, and no further worker is restarted');
    } while (this.#again && !this.#stopping);
    this.#rolling = false;
  }

  warm(): void {
    this.#orders.log.info('stopping when the running tasks have ended');
    this.#stop('warm');
  }

  cold(): void {
    this.#orders.log.warn('stopping at once: running tasks go back to their queues');
    this.#stop('cold');
  }

  #stop(how: 'warm' | 'cold'): void {
    this.#stopping = true;
    for (const member of this.#members) member.stop(how);
  }

  now(): void {
    for (const member of this.#members) member.stop('now');
    const end = (): never => process.exit(exitCodes.failed);
    void this.#ended.then(end);
    setTimeout(end, lastBreath);
  }

  report(): void {
    const pids = this.#members.map(({ pid }) => pid);
    this.#orders.log.info(`the workers' processes are ${pids.join(', ')}`);
    for (const member of this.#members) member.signal('SIGUSR2');
  }
}

/** As a shell gives it. */
function codeOf({ code, signal }: Ending): number {
  if (signal === null) return code ?? 0;
  return signal === 'SIGKILL' ? 137 : 143;
}
