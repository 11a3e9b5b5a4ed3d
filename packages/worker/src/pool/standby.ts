/**
 * Children that wait for an app: they have loaded all of dtask before it is known what they run.
 * Light to import, so that they can be started ahead of all else.
 */
import type { PoolKind } from '@dtask/core';
import type { ReadyChildren } from './child-pool.js';
import { type Spawned, spawnProcess, spawnThread } from './spawn.js';

/** What is to be had ready. */
export interface StandbyOrders {
  /** The worker's pool; `inline` needs no children. */
  readonly kind: PoolKind;
  /** How many children wait. */
  readonly size: number;
  /** What a thread is to keep at most, in bytes; 0 is no limit. */
  readonly maxMemory: number;
  /** URL of a module that is imported ahead of the app, such as a loader of TypeScript. */
  readonly preload?: string | undefined;
}

/** They end with their process, when they are let go, or by themselves; then there are fewer. */
export class Standby implements ReadyChildren {
  readonly #kind: PoolKind;
  readonly #waiting = new Set<Spawned>();

  constructor({ kind, size, maxMemory, preload }: StandbyOrders) {
    this.#kind = kind;
    if (kind === 'inline') return;
    for (let more = 0; more < size; more += 1) {
      const spawned = kind === 'threads' ? spawnThread(maxMemory) : spawnProcess();
      this.#waiting.add(spawned);
      void spawned.gone.then(() => this.#waiting.delete(spawned));
      if (preload !== undefined) spawned.channel.send(['preload', preload]);
    }
  }

  take(kind: PoolKind, most: number): Spawned[] {
    const taken = kind === this.#kind ? [...this.#waiting].slice(0, most) : [];
    for (const spawned of taken) this.#waiting.delete(spawned);
    return taken;
  }

  /** Ends those that nobody took. */
  letGo(): void {
    for (const spawned of this.#waiting) spawned.kill();
    this.#waiting.clear();
  }
}
