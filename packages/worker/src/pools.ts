/** The pools of a worker: its own, those that tasks ask for, and those for suspects. */
import { availableParallelism } from 'node:os';
import { type App, ConfigError, type PoolKind } from '@dtask/core';
import type { Definition, Message } from '@dtask/core/internal';
import { ChildPool, type ChildPoolPlace, type ReadyChildren } from './pool/child-pool.js';
import { InlinePool } from './pool/inline-pool.js';
import { Isolation } from './pool/isolation.js';
import type { Pool } from './pool/pool.js';
import { Run, type RunPlace } from './run.js';
import type { Suspicion } from './suspicion.js';
import type { TimeLimit } from './time-limit.js';

/** What pools need of their worker. */
export interface PoolsPlace {
  readonly kind: PoolKind;
  /** How many tasks run at a time. */
  readonly size: number;
  readonly app: App;
  readonly runs: RunPlace;
  /** What children need; absent where nobody said which module exports the App. */
  readonly children: ChildPoolPlace | undefined;
}

/** Gives every task the pool that it runs in. */
export class Pools {
  readonly #place: PoolsPlace;
  readonly #inline: InlinePool;
  readonly #children = new Map<PoolKind, ChildPool>();
  #size: number;
  /** Children in which suspects run together, and others in which each runs alone. */
  readonly #isolation: Readonly<Record<'shared' | 'alone', Isolation>>;

  constructor(place: PoolsPlace) {
    this.#place = place;
    this.#size = place.size;
    this.#inline = new InlinePool(place.runs, place.app.hooks);
    const isolate = (shared: boolean): Isolation =>
      new Isolation(
        () => new ChildPool('processes', this.#fewest, this.#childPlace('processes'), shared),
      );
    this.#isolation = { shared: isolate(true), alone: isolate(false) };
  }

  /**
   * Starts the worker's own pool and those that its tasks name, warm.
   *
   * @throws ConfigError when children are needed and no module is known, StartupError when they
   * cannot load the app
   */
  async open(definitions: readonly Definition[], ready?: ReadyChildren): Promise<void> {
    for (const kind of this.#childKinds(definitions)) {
      const pool = new ChildPool(kind, this.#size, this.#childPlace(kind));
      this.#children.set(kind, pool);
      await pool.open(ready);
    }
  }

  /**
   * Looks whether `open` has what it needs, ahead of all else that a worker does to start.
   *
   * @throws ConfigError when children are needed and no module is known
   */
  check(definitions: readonly Definition[]): void {
    for (const kind of this.#childKinds(definitions)) this.#childPlace(kind);
  }

  #childKinds(definitions: readonly Definition[]): readonly ChildPool['kind'][] {
    const kinds = new Set([this.#place.kind]);
    for (const { execution } of definitions) if (execution.pool) kinds.add(execution.pool);
    return [...kinds].filter((kind) => kind !== 'inline');
  }

  #childPlace(kind: PoolKind): ChildPoolPlace {
    const { children } = this.#place;
    if (children) return children;
    throw new ConfigError(
      `the ${kind} pool starts children, which load the app by themselves: say which module exports it, new Worker(app, { module: import.meta.url })`,
    );
  }

  /** The worker's own pool. */
  get main(): Pool {
    return this.#children.get(this.#place.kind) ?? this.#inline;
  }

  /** The context of a task that runs together with others, for hooks. */
  contextOf(message: Message, retries: number, queue: string, { hard, soft }: TimeLimit): Run {
    return new Run(message, retries, queue, this.#place.runs, hard, soft);
  }

  /**
   * Where a task runs. One that may have killed its worker harms it no more: inline tasks of which
   * nothing else is known run together, for they mostly wait, and may be many.
   */
  for({ execution }: Definition, suspicion: Suspicion): Pool {
    const kind = execution.pool ?? this.#place.kind;
    // What kills a thread from outside of JavaScript kills the worker.
    const isProcess = kind === 'processes';
    if (suspicion === 'none' || isProcess || !this.#place.children)
      return this.#children.get(kind) ?? this.#inline;
    return this.#isolation[kind === 'inline' ? suspicion : 'alone'];
  }

  /** How many children there are for suspects: no more than can compute at a time. */
  get #fewest(): number {
    return Math.min(this.#size, availableParallelism());
  }

  get #isolations(): readonly Isolation[] {
    return Object.values(this.#isolation);
  }

  /** Whether every pool has a child that can run a task. */
  get ready(): boolean {
    return [...this.#children.values()].every((pool) => pool.loaded > 0);
  }

  /** How many children have loaded the app, by the kind of their pool. */
  loaded(): Record<string, number> {
    const loaded: Record<string, number> = {};
    for (const { kind, loaded: count } of [...this.#children.values(), ...this.#isolations])
      if (count > 0 || this.#children.has(kind)) loaded[kind] = (loaded[kind] ?? 0) + count;
    return loaded;
  }

  /** Changes how many tasks run at a time. */
  resize(size: number): void {
    this.#size = size;
    for (const pool of this.#children.values()) pool.resize(size);
    for (const pool of this.#isolations) pool.resize(this.#fewest);
  }

  /** Replaces every child when its task has ended. */
  restart(): void {
    for (const pool of [...this.#children.values(), ...this.#isolations]) pool.restart();
  }

  /** The worker is about to stop: tasks for which no child will come go back to their queues. */
  leave(): void {
    for (const pool of [...this.#children.values(), ...this.#isolations]) pool.leave();
  }

  /** Kills all children; resolves when the threads are gone: processes keep nothing from ending. */
  async kill(): Promise<void> {
    this.stop(true).catch(() => undefined);
    await this.#children.get('threads')?.stop(true);
  }

  /** Ends all children; with `force` their tasks with them. */
  async stop(force = false): Promise<void> {
    const all = [this.#inline, ...this.#children.values(), ...this.#isolations];
    await Promise.all(all.map((pool) => pool.stop(force)));
  }
}
