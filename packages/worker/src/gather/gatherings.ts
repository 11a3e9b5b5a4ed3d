/** Gathers calls of tasks that take many of them at a time, and runs each of those tasks once for all. */
import type { App } from '@dtask/core';
import {
  clockOf,
  type Definition,
  type GatheredCall,
  type Gathering as GatherSettings,
  gatheringOf,
  gatherTask,
  type Message,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { Current } from '../current.js';
import type { Performance, Work } from '../pool/pool.js';
import type { Pools } from '../pools.js';
import type { Report } from '../report.js';
import type { Slots } from '../slots.js';
import { suspicionOf } from '../suspicion.js';
import { limitTime, type TimeLimit } from '../time-limit.js';
import { endsOf } from './ends.js';
import { Member } from './member.js';

/** What gatherings need of their worker. */
export interface GatheringsPlace {
  readonly app: App;
  /** To the server that has the calls. */
  readonly connection: Redis;
  readonly pools: Pools;
  readonly slots: Slots;
  /** A call is about to run. */
  readonly onStart: (current: Current, message: Message) => void;
}

/** Calls that wait for others, or run together. */
interface Gathering {
  readonly key: string;
  readonly limit: TimeLimit;
  readonly members: Member[];
  timer: NodeJS.Timeout | undefined;
  begun: boolean;
  /** Those that run now: where a child has died of all, each by itself. */
  running: readonly Member[];
  performed: Performance | undefined;
}

/**
 * The gatherings of a worker. A call that waits for others gives its slot back, so that they can come;
 * one that completes a gathering keeps its own, in which all of them run. So no more calls are taken
 * than can be run.
 */
export class Gatherings {
  readonly #place: GatheringsPlace;
  readonly #open = new Map<string, Gathering>();
  readonly #compiled = new WeakMap<Definition, Definition>();
  #hurried = false;

  constructor(place: GatheringsPlace) {
    this.#place = place;
  }

  /** Takes a call in, whose slot it has. */
  join(
    current: Current,
    message: Message,
    definition: Definition,
    { size, wait }: GatherSettings,
    limit: TimeLimit,
  ): Member {
    const { slots, pools } = this.#place;
    const key = `${message.name} ${current.queue} ${limit.hard} ${limit.soft}`;
    // It harms no other, then.
    const alone = suspicionOf(current.job) !== 'none';
    const known = alone ? undefined : this.#open.get(key);
    const gathering: Gathering = known ?? {
      key,
      limit,
      members: [],
      timer: undefined,
      begun: false,
      running: [],
      performed: undefined,
    };
    const member = new Member(current, message, definition, {
      takeBack: () => slots.takeBack(),
      onLeft: (left, report) => this.#leave(gathering, left, report),
      contextOf: ({ retries }) => pools.contextOf(message, retries, current.queue, limit),
    });
    gathering.members.push(member);
    if (alone || this.#hurried || gathering.members.length >= size) {
      this.#begin(gathering);
      return member;
    }
    member.lent = true;
    slots.release();
    if (!known) {
      this.#open.set(key, gathering);
      gathering.timer = setTimeout(() => void this.#due(gathering), wait);
    }
    return member;
  }

  /** Has nothing wait for others any more: the worker is stopping. */
  hurry(): void {
    this.#hurried = true;
    for (const gathering of this.#open.values()) void this.#due(gathering);
  }

  /** Begins a gathering as soon as there is a slot for it. */
  async #due(gathering: Gathering): Promise<void> {
    const { slots } = this.#place;
    clearTimeout(gathering.timer);
    if (!(await slots.enter(gathering))) return;
    const [first] = gathering.members;
    // It may have begun, or have nobody left, since it got the slot.
    if (gathering.begun || !first) return slots.release();
    first.lent = false;
    this.#begin(gathering);
  }

  #leave(gathering: Gathering, member: Member, report: Report): void {
    const { members, running, performed } = gathering;
    if (!gathering.begun) {
      members.splice(members.indexOf(member), 1);
      if (members.length === 0) this.#close(gathering);
    } else if (running.includes(member)) {
      if (running.every(({ settled }) => settled)) performed?.cut(report);
      // What waits for a child waits for one anew, without this call.
      else performed?.giveUp?.();
    }
  }

  #close(gathering: Gathering): void {
    clearTimeout(gathering.timer);
    gathering.begun = true;
    this.#place.slots.cancel(gathering);
    if (this.#open.get(gathering.key) === gathering) this.#open.delete(gathering.key);
  }

  #begin(gathering: Gathering): void {
    this.#close(gathering);
    if (gathering.members.length === 0) return;
    this.#runAll(gathering).catch((error: unknown) => {
      for (const member of gathering.members) member.settle({ kind: 'fail', error });
    });
  }

  async #runAll(gathering: Gathering): Promise<void> {
    const report = await this.#run(gathering, gathering.members);
    const { running } = gathering;
    const { atMostOnce = false } = running[0]?.definition.execution ?? {};
    if (report.kind !== 'crashed' || running.length === 1 || atMostOnce) {
      this.#end(running, report);
      return;
    }
    // Nobody knows who it was: each runs by itself.
    for (const member of running) member.rest();
    for (const member of running) {
      const { revoked } = member.current;
      if (revoked) member.settle({ kind: 'revoked', by: revoked });
      if (member.settled) continue;
      this.#end([member], await this.#run(gathering, [member]));
    }
  }

  /** Runs those that have not left, as often as one leaves before a child is free for them. */
  async #run(gathering: Gathering, members: readonly Member[]): Promise<Report> {
    for (const { current, message } of members) this.#place.onStart(current, message);
    for (;;) {
      gathering.running = members.filter(({ settled }) => !settled);
      const [first] = gathering.running;
      if (!first) return { kind: 'ignore' };
      const report = await this.#perform(gathering, first);
      if (!gathering.performed?.gaveUp) return report;
    }
  }

  async #perform(gathering: Gathering, first: Member): Promise<Report> {
    const { running: members, limit } = gathering;
    const { current, definition } = first;
    const pool = this.#place.pools.for(definition, suspicionOf(current.job));
    const work = this.#workOf(members, limit);
    current.running = work.message;
    const performed = pool.start(work);
    gathering.performed = performed;
    let began = performance.now();
    let endWatch: (() => void) | undefined;
    const watch = (): void => {
      began = performance.now();
      for (const member of members) {
        member.current.began = clockOf(this.#place.connection).now();
        member.begin(performed);
      }
      if (limit.hard > 0 || limit.soft > 0)
        endWatch = limitTime(performed, limit, first.message, definition, first.retries);
    };
    if (performed.begun) {
      for (const { current: waiting } of members) waiting.began = 0;
      void performed.begun.then(watch);
    } else watch();
    const report = await performed.report;
    endWatch?.();
    first.children = performed.children;
    for (const member of members) member.took = performance.now() - began;
    performed.over?.();
    return report;
  }

  #end(members: readonly Member[], report: Report): void {
    const { hooks } = this.#place.app;
    const decodes = hooks.touchesEnds || members.some(({ definition }) => definition.hooks);
    const ends = endsOf(report, members, decodes);
    for (const [at, member] of members.entries()) member.settle(ends[at] as Report);
  }

  /** The run of all: in the tree of the first call. */
  #workOf(members: readonly Member[], limit: TimeLimit): Work {
    const [{ message, definition, current }] = members as [Member];
    const { id, name, root, parent, trace } = message;
    const calls = members.map(({ message: call, retries }): GatheredCall => {
      const { args, headers = {}, retry } = call;
      return { id: call.id, args, headers, retries, ...(retry && { retry }) };
    });
    let compiled = this.#compiled.get(definition);
    if (!compiled) this.#compiled.set(definition, (compiled = gatheringOf(definition)));
    return {
      message: {
        id,
        name: gatherTask,
        args: [name, calls],
        ...(root !== undefined && { root }),
        ...(parent !== undefined && { parent }),
        ...(trace && { trace }),
      },
      text: undefined,
      definition: compiled,
      queue: current.queue,
      retries: 0,
      limit: limit.hard,
      soft: limit.soft,
    };
  }
}
