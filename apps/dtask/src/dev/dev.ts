/** Runs a worker whose code is being written: it takes up what changes. */
import path from 'node:path';
import { formatMilliseconds } from '@dtask/core/internal';
import type { WorkerLog } from '@dtask/worker/log';
import type { Fleet } from '../fleet/fleet.js';
import type { Facts } from '../fleet/line.js';
import { rootsOf } from './roots.js';
import { Watcher } from './watcher.js';

/** What is watched, and for whom. */
export interface DevOrders {
  readonly fleet: Fleet;
  readonly log: WorkerLog;
  /** The module of the app. */
  readonly file: string;
  /** Further files and folders to watch. */
  readonly watch: readonly string[];
}

/** Most of the changed files that are named. */
const mostNamed = 3;

/** Between the files and the fleet. */
export class Dev {
  readonly #orders: DevOrders;
  readonly #watcher: Watcher;

  constructor(orders: DevOrders) {
    this.#orders = orders;
    this.#watcher = new Watcher(
      (files) => void this.#reload(files),
      (error) => this.#complain(error),
    );
  }

  /** Works until it is told to stop; resolves to the exit code. */
  async run(): Promise<number> {
    const { fleet, file, watch } = this.#orders;
    await this.#watcher.add([...rootsOf({ file, include: [] }), ...watch]);
    try {
      return await fleet.run();
    } finally {
      this.#watcher.close();
    }
  }

  /** The app was found: it may include more than its own folder. */
  follow(facts: Facts): void {
    void this.#watcher.add(rootsOf(facts));
  }

  async #reload(files: readonly string[]): Promise<void> {
    const { fleet, log } = this.#orders;
    const since = performance.now();
    log.info(process.stdout.isTTY ? {} : { files }, `${named(files)} changed`);
    const replaced = await fleet.replace();
    const took = formatMilliseconds(Math.round(performance.now() - since));
    if (replaced === 'ready') log.info(`reloaded in ${took}`);
    if (replaced !== 'broken') return;
    const rest = fleet.isUp ? '; the worker goes on with what was loaded before' : '';
    log.error(`the code does not load, see above${rest}`);
  }

  #complain(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    const hint =
      code === 'ENOSPC' || code === 'EMFILE'
        ? ': the system watches no more folders; raise fs.inotify.max_user_watches, or watch fewer'
        : '';
    this.#orders.log.error({ err: error }, `changes may go unseen${hint}`);
  }
}

function named(files: readonly string[]): string {
  const names = files.slice(0, mostNamed).map((file) => path.relative(process.cwd(), file));
  const more = files.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
