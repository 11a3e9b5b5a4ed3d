/**
 * Runs tasks in children of the worker, one at a time in each: the worker's own loop stays free,
 * and a task that hangs, leaks or crashes harms no other. Modelled on tinypool's process runtime;
 * no library kills busy code, recycles by count and memory, and passes progress on.
 */
import { type AppSource, encodeMessage, formatMilliseconds, levelsOf } from '@dtask/core/internal';
import type { PoolKind } from '@dtask/core';
import type { WorkerLog } from '../log.js';
import type { ChildEnd } from '../monitor/task-counts.js';
import { Child, type ChildPlace } from './child.js';
import type { Performance, Pool, Work } from './pool.js';
import { Setbacks } from './setbacks.js';
import { type Spawned, spawnProcess, spawnThread } from './spawn.js';
import { Waiting } from './waiting.js';

/** Children that were started before their pool was. */
export interface ReadyChildren {
  /** Gives up at most so many of them, if they are of this kind. */
  take(kind: PoolKind, most: number): readonly Spawned[];
}

/** What a pool of children needs. */
export interface ChildPoolPlace extends ChildPlace {
  readonly source: AppSource;
  readonly worker: string;
  readonly log: WorkerLog;
  readonly logLevel: string;
  /** The folder for the CPU profiles of children; '' takes none. */
  readonly profile: string;
  /** A child ends after so many tasks; 0 is no limit. */
  readonly maxTasks: number;
  /** A child ends after a task that leaves it with more memory than this, in bytes; 0 is no limit. */
  readonly maxMemory: number;
  /** Hears of children that ended before their time, or were used up. */
  readonly onEnd: (kind: PoolKind, how: ChildEnd) => void;
  /** Hears that no child can be started any more. */
  readonly onFatal: (error: unknown) => void;
  /** Whether it then waits for a `restart`, or to be stopped, as where the code is being written. */
  readonly waits: boolean;
}

/** A pool of threads or of processes. */
export class ChildPool implements Pool {
  readonly kind: 'threads' | 'processes';
  readonly #place: ChildPoolPlace;
  readonly #shared: boolean;
  readonly #children = new Set<Child>();
  readonly #loaded = new Set<Child>();
  readonly #waiting: Waiting[] = [];
  /** Hear that nothing waits for a child any more. */
  readonly #onServed = new Set<() => void>();
  #size: number;
  #stopping = false;
  #leaving = false;
  readonly #setbacks = new Setbacks();

  /**
   * @param size how many children there are
   * @param shared whether each of them runs many tasks at a time
   */
  constructor(
    kind: 'threads' | 'processes',
    size: number,
    place: ChildPoolPlace,
    shared: boolean = false,
  ) {
    this.kind = kind;
    this.#size = size;
    this.#place = place;
    this.#shared = shared;
  }

  /**
   * Starts the children; resolves when the first has loaded the app.
   *
   * @param ready are used first, where there are any; others are started when one of them has
   * loaded the app, as they would only take its time
   * @throws StartupError when the app cannot be loaded in it
   */
  async open(ready?: ReadyChildren): Promise<void> {
    const taken = ready?.take(this.kind, this.#size) ?? [];
    const first = this.#spawn(taken[0]);
    const now = taken.length > 0 ? taken.length : this.#size;
    for (let more = 1; more < now; more += 1) this.#spawn(taken[more]);
    await first.ready;
    this.#adjust();
  }

  start(work: Work): Performance {
    const child = this.#freeChild();
    if (child) return this.#begin(child, work);
    const waiting = new Waiting(work);
    this.#waiting.push(waiting);
    this.#sendBack();
    return waiting;
  }

  resize(size: number): void {
    this.#size = size;
    this.#adjust();
  }

  /** How many children have loaded the app. */
  get loaded(): number {
    return this.#loaded.size;
  }

  stats(): ReturnType<Pool['stats']> {
    const children = [...this.#children];
    return {
      implementation: this.kind,
      processes: children.map(({ spawned }) => spawned.id),
      maxTasksPerChild: this.#place.maxTasks,
      tasks: Object.fromEntries(children.map(({ spawned, done }) => [spawned.id, done])),
    };
  }

  /** Replaces every child, each when its task has ended: they load the app anew. */
  restart(): void {
    this.#setbacks.forget();
    this.#setbacks.stop();
    for (const child of this.#children) this.#retire(child);
    this.#adjust();
  }

  /** The worker is about to stop: tasks for which no child will come go back to their queues. */
  leave(): void {
    this.#leaving = true;
    this.#sendBack();
  }

  #sendBack(): void {
    if (!this.#leaving || this.#loaded.size > 0) return;
    const { isStuck, isShort } = this.#setbacks;
    if (isStuck || (isShort && this.#children.size === 0)) this.#sendBackAll();
  }

  #sendBackAll(): void {
    for (const waiting of this.#waiting.splice(0)) waiting.cut({ kind: 'requeue' });
    this.#served();
  }

  /** Ends it when its tasks have ended, those that wait for a child among them. */
  async stop(force = false): Promise<void> {
    this.leave();
    // Where they go back to their queues, no child is waited for any more.
    if (force) this.#sendBackAll();
    else if (this.#waiting.length > 0)
      await new Promise<void>((resolve) => this.#onServed.add(resolve));
    this.#stopping = true;
    this.#setbacks.stop();
    for (const child of this.#children) {
      if (force) child.kill();
      else this.#retire(child);
    }
    await Promise.all([...this.#children].map(({ gone }) => gone));
  }

  #begin(child: Child, work: Work): Performance {
    const { message, text } = work;
    const { name } = message;
    return child.start(
      work,
      text ?? encodeMessage(message, Number.MAX_SAFE_INTEGER, levelsOf(name)),
    );
  }

  /**
   * The one that was used last: it is warm, and the others can be given up. Of those that are shared
   * the one with the fewest tasks.
   */
  #freeChild(): Child | undefined {
    let found: Child | undefined;
    for (const child of this.#loaded) {
      if (!child.free) continue;
      if (!this.#shared || !found || child.running < found.running) found = child;
    }
    return found;
  }

  #spawn(ready?: Spawned): Child {
    const { source, worker, logLevel, profile, maxMemory } = this.#place;
    const { kind } = this;
    const spawned = ready ?? (kind === 'threads' ? spawnThread(maxMemory) : spawnProcess());
    const setup = { source, worker, kind, logLevel, profile, weigh: maxMemory > 0 };
    const onChange = (changed: Child): void => this.#onChange(changed);
    const child = new Child(spawned, { setup, place: this.#place, shared: this.#shared, onChange });
    this.#children.add(child);
    child.ready.then(
      () => {
        this.#setbacks.forget();
        this.#loaded.add(child);
        this.#serveNext();
      },
      (error: unknown) => this.#onBroken(child, error),
    );
    void child.gone.then((how) => this.#onGone(child, how));
    return child;
  }

  #onBroken(child: Child, error: unknown): void {
    if (this.#stopping || child.dismissed) return;
    child.kill();
    const { failure } = child.spawned;
    const wait = this.#setbacks.note(failure, () => this.#adjust());
    // Those that failed at the same time have been told of.
    if (wait === undefined) return;
    const over = this.#setbacks.over(error, failure, this.#loaded.size);
    if (over && !this.#place.waits) {
      this.#stopping = true;
      this.#place.onFatal(over);
      return;
    }
    const what = failure ? 'be started' : 'load the app';
    const next = this.#setbacks.isStuck
      ? 'calls wait for the next change of the code'
      : `it is tried again in ${formatMilliseconds(wait)}`;
    this.#place.log.error({ err: failure ?? error }, `a child could not ${what}; ${next}`);
    this.#sendBack();
  }

  #onGone(child: Child, how: string): void {
    this.#children.delete(child);
    this.#loaded.delete(child);
    if (this.#stopping) return;
    this.#sendBack();
    if (!child.spawned.failure) this.#tellEnd(child, how);
    this.#adjust();
  }

  #tellEnd(child: Child, how: string): void {
    const { log, onEnd } = this.#place;
    if (child.end === 'crashed') log.warn({ child: child.spawned.id }, `a child ended: ${how}`);
    if (child.end !== 'retired') onEnd(this.kind, child.end ?? 'crashed');
    else if (this.#isWorn(child)) onEnd(this.kind, 'recycled');
  }

  /** There may be room in a child. */
  #onChange(child: Child): void {
    if (child.free && child.running === 0 && (this.#isWorn(child) || this.#kept > this.#size)) {
      this.#retire(child);
      this.#adjust();
    } else if (this.#shared && child.retired) {
      // One of the tasks that share it was ended: another child takes its place.
      this.#loaded.delete(child);
      this.#adjust();
    }
    this.#serveNext();
  }

  /** How many children take tasks, or will. */
  get #kept(): number {
    let count = 0;
    for (const { retired } of this.#children) if (!retired) count += 1;
    return count;
  }

  #isWorn({ done, memory }: Child): boolean {
    const { maxTasks, maxMemory } = this.#place;
    return (maxTasks > 0 && done >= maxTasks) || (maxMemory > 0 && memory > maxMemory);
  }

  #retire(child: Child): void {
    this.#loaded.delete(child);
    child.retire();
  }

  /** As many children as there should be. */
  #adjust(): void {
    if (this.#stopping) return;
    const { pausing, isStuck } = this.#setbacks;
    if (!pausing && !isStuck)
      for (let more = this.#kept; more < this.#size; more += 1) this.#spawn();
    // Those that are busy go when their task has ended.
    const idle = [...this.#loaded].filter(({ free, running }) => free && running === 0);
    for (const child of idle.slice(0, Math.max(0, this.#kept - this.#size))) this.#retire(child);
    this.#serveNext();
  }

  #serveNext(): void {
    while (this.#waiting.length > 0) {
      const child = this.#freeChild();
      if (!child) return;
      const next = this.#waiting.shift();
      if (next?.wants) next.begin(this.#begin(child, next.work));
    }
    this.#served();
  }

  #served(): void {
    for (const resolve of this.#onServed) resolve();
    this.#onServed.clear();
  }
}
