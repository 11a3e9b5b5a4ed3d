/** A place in a fleet: it has a worker process, and gets a new one when that dies or is replaced. */
import { formatMilliseconds } from '@dtask/core/internal';
import type { WorkerLog } from '@dtask/worker/log';
import { describeEnding, type Ending, exitCodes } from '../exit-codes.js';
import { Backoff } from './backoff.js';
import type { Facts, Opening } from './line.js';
import { type ProcessOrders, WorkerProcess } from './worker-process.js';

/** What a member needs of its fleet. */
export interface MemberPlace extends ProcessOrders {
  /** What the log calls it. */
  readonly title: string;
  readonly log: WorkerLog;
  /** Hears of an app that was found, and does what it needs before its worker may go on. */
  readonly onFound: (facts: Facts) => Promise<void>;
  /** Hears that the first process has ended before it took tasks. */
  readonly onStillborn: (how: string) => void;
  readonly opening: () => Opening;
  /** After this a worker that was told to stop is killed, in milliseconds; 0 is never. */
  readonly patience: { readonly warm: number; readonly cold: number };
  /** Whether an app that does not load is tried again without being told to. */
  readonly retries: boolean;
}

/** What became of a replacement: it takes tasks; it could not; a later one, or a stop, came first. */
export type Replaced = 'ready' | 'broken' | 'outrun';

/** A process on its way to take tasks. */
interface Candidate {
  readonly worker: WorkerProcess;
  /** Resolves to whether it is ready to take them. */
  readonly prepared: Promise<boolean>;
}

/** Its process comes and goes; it stays. */
export class Member {
  readonly #place: MemberPlace;
  readonly #backoff = new Backoff();
  /** Has the place. */
  #current: Candidate | undefined;
  /** Gets it when the current one is gone. */
  #next: Candidate | undefined;
  /** Gets it when it is prepared. */
  #coming: Candidate | undefined;
  #spare: WorkerProcess | undefined;
  /** Whether any of its processes was ready to take tasks; nothing while the first is on its way. */
  #lives: boolean | undefined;
  #stopping = false;
  #wake: () => void = () => undefined;

  constructor(place: MemberPlace) {
    this.#place = place;
  }

  /** Keeps the place filled; resolves when it has been stopped, to how its last process ended. */
  async live(): Promise<Ending> {
    for (;;) {
      const current = (this.#current = this.#next ?? this.#begin());
      this.#next = undefined;
      if (await current.prepared) this.#go(current);
      const ending = await current.worker.gone;
      if (this.#stopping) return current.worker.hasBegun ? ending : { code: 0, signal: null };
      if (this.#next) continue;
      if (ending.code === exitCodes.stopped && current.worker.wasTold) {
        this.#place.log.info(`${this.#place.title} was told to stop, and is not started again`);
        this.stop('warm');
        return ending;
      }
      await this.#recover(current.worker, ending);
      if (this.#stopping) return ending;
    }
  }

  /** Whether its first process has ended before it took tasks. */
  get isStillborn(): boolean {
    return this.#lives === false;
  }

  /** The process that has the place. */
  get pid(): number | undefined {
    return this.#current?.worker.pid;
  }

  /** Whether that takes tasks. */
  get isUp(): boolean {
    return this.#current?.worker.isUp ?? false;
  }

  #begin(): Candidate {
    const worker = this.#spare ?? new WorkerProcess(this.#place);
    this.#spare = undefined;
    worker.order(['load']);
    const prepared = this.#prepare(worker);
    // One that takes its place prepares the next when it has.
    void prepared.then((isPrepared) => isPrepared || this.#prepareSpare());
    return { worker, prepared };
  }

  async #prepare(worker: WorkerProcess): Promise<boolean> {
    const facts = await worker.found;
    if (!facts) return false;
    const [loaded] = await Promise.all([worker.loaded, this.#place.onFound(facts)]);
    if (!loaded) return false;
    worker.order(['warm']);
    return worker.warm;
  }

  #go({ worker }: Candidate): void {
    if (this.#stopping) return worker.kill();
    this.#lives = true;
    worker.begin(this.#place.opening());
    void worker.ready.then((ready) => ready && this.#prepareSpare());
    return undefined;
  }

  #prepareSpare(): void {
    if (!this.#place.standby || this.#stopping || this.#spare) return;
    const spare = new WorkerProcess(this.#place);
    this.#spare = spare;
    void spare.gone.then(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
  }

  /** Waits until there is to be a new process. */
  async #recover(worker: WorkerProcess, ending: Ending): Promise<void> {
    const { title, log, retries } = this.#place;
    if (ending.code === exitCodes.restart) return log.info(`${title} restarts`);
    const how = worker.failure
      ? `${title} could not be started: ${worker.failure.message}`
      : `${title} ended, ${describeEnding(ending)}`;
    if (!worker.hasBegun && !retries) {
      log.error(`${how}; it starts again when something changes`);
      return this.#rest(undefined);
    }
    if (this.#lives === undefined) {
      this.#lives = false;
      this.#place.onStillborn(how);
      if (this.#stopping) return undefined;
    }
    const wait = this.#backoff.next(worker.lived);
    const after = worker.hasBegun ? ` after ${formatMilliseconds(Math.round(worker.lived))}` : '';
    log.error(
      { pid: worker.pid },
      `${how}${after}; it starts again in ${formatMilliseconds(wait)}`,
    );
    return this.#rest(wait);
  }

  #rest(span: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = span === undefined ? undefined : setTimeout(resolve, span);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Prepares a new process, then stops the current one warm. Until then, that goes on. */
  async replace(): Promise<Replaced> {
    const candidate = this.#begin();
    this.#coming?.worker.kill();
    this.#coming = candidate;
    const prepared = await candidate.prepared;
    if (this.#coming !== candidate || this.#stopping) {
      candidate.worker.kill();
      return 'outrun';
    }
    this.#coming = undefined;
    if (!prepared) return 'broken';
    this.#next?.worker.kill();
    this.#next = candidate;
    this.#current?.worker.stopWarm(this.#place.patience.warm);
    this.#wake();
    if (await candidate.worker.ready) return 'ready';
    return candidate.worker.hasBegun ? 'broken' : 'outrun';
  }

  /** Stops for good. */
  stop(how: 'warm' | 'cold' | 'now'): void {
    this.#stopping = true;
    for (const waiting of [this.#next?.worker, this.#coming?.worker, this.#spare]) waiting?.kill();
    this.#next = undefined;
    this.#wake();
    const { patience } = this.#place;
    if (how === 'warm') this.#current?.worker.stopWarm(patience.warm);
    else if (how === 'cold') this.#current?.worker.stopCold(patience.cold);
    else this.#current?.worker.kill();
  }

  signal(name: NodeJS.Signals): void {
    if (this.#current?.worker.hasBegun) this.#current.worker.signal(name);
  }
}
