/** Carries a canvas on: starts its steps, and does what follows when one has ended. */
import type { Moment } from '../broker/server-clock.js';
import { decode, encode, encodeError, type JsonValue } from '../codec/index.js';
import { ChordError } from '../errors.js';
import type { Call, Message } from '../protocol/message.js';
import { Encoded } from '../protocol/encoded.js';
import type { Outcome, TaskState } from '../protocol/outcome.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { freezeCall } from '../task/call.js';
import { type Continuation, type Joins, type Origin, originOf } from './joins.js';
import { reopen, type Reopened } from './reopening.js';
import { ahead, allSent } from './sends.js';
import {
  decodeArgs,
  decodeOptions,
  type Frame,
  type ChainStep,
  type GroupStep,
  isGroupStep,
  type Step,
  type TaskStep,
  bodyOf,
  firstTasks,
  tasksOf,
} from '../protocol/step.js';

/** What a flow needs of its App. */
export interface FlowPlace {
  readonly joins: Joins;
  readonly defaultQueue: string;
  /** What is known here of a task's calls. */
  readonly calls: (task: string, args: readonly unknown[], options: CallSettings) => CallSettings;
  readonly send: (call: Call) => Promise<unknown>;
  /** When something is sent, or has ended. */
  readonly moment: () => Moment;
  /** Stores outcomes of tasks that no worker runs, and pushes them. */
  readonly settle: (outcomes: readonly Outcome[], reply: string | undefined) => Promise<void>;
  /** Notes that what a failed task has stopped waits for it once more. */
  readonly note: (message: Message, reopened: Reopened) => Promise<void>;
}

/** What a step gets from the one before: nothing, a value, or the list of a group. */
export type Given =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'value'; readonly json: JsonValue }
  | { readonly kind: 'list'; readonly join: string; readonly shared?: boolean };

/** How a task or a group has ended. */
export type End =
  | { readonly ok: true; readonly given: Given }
  | {
      readonly ok: false;
      readonly state: TaskState;
      readonly error: unknown;
      /** The task that has failed. */
      readonly from: Pick<Outcome, 'id' | 'task'>;
    };

export const nothing: Given = { kind: 'nothing' };

/** How long a flow is remembered in which nothing happens, beside the waits that it asks for. */
const patience = 7 * 24 * 3_600_000;

/** A chain is stored once where the rest of it is longer than this, as JSON; else it travels along. */
const shortRest = 2_048;

/** How many messages of a group are on their way at a time. */
const width = 512;

/**
 * Every id is decided before a flow starts, and every place is filled once. So each step of what
 * follows may be done again, by another worker, after a death anywhere in it.
 */
export class Flow {
  readonly #place: FlowPlace;

  constructor(place: FlowPlace) {
    this.#place = place;
  }

  /** Starts a step; resolves when Redis has all that it needs to go on. */
  async start(step: Step, given: Given, frames: readonly Frame[], origin: Origin): Promise<void> {
    if ('task' in step) {
      await this.#place.send(this.#call(step, given, frames, origin));
      return;
    }
    if (isGroupStep(step)) return this.#startGroup(step, given, frames, origin);
    const [first, ...rest] = step.chain;
    if (!first) return this.proceed(frames, { ok: true, given }, origin);
    const next = rest.length === 0 ? frames : [await this.#restOf(step, rest), ...frames];
    return this.start(first, given, next, origin);
  }

  /** A long rest is stored, so that a chain of a thousand steps is not sent a thousand times. */
  async #restOf(chain: ChainStep, rest: readonly Step[]): Promise<Frame> {
    if (rest.length === 1 || JSON.stringify(rest).length <= shortRest) return { steps: rest };
    // Under the id of its first task: chains in one another may end with the same one.
    const [first] = rest.flatMap(firstTasks);
    const list = first?.id ?? chain.id;
    const wait = waitOf({ chain: rest, id: chain.id }, this.#place.moment().now);
    await ahead(chain, this.#place.joins.store(list, rest, patience + wait));
    return { list, at: 0 };
  }

  async #startGroup(
    { group, id }: GroupStep,
    given: Given,
    frames: readonly Frame[],
    origin: Origin,
  ): Promise<void> {
    if (group.length === 0)
      return this.proceed(frames, { ok: true, given: { kind: 'value', json: [] } }, origin);
    if (frames.length > 0) {
      const continuation = { next: frames, origin: { ...origin, again: true } };
      const step = { group, id };
      const wait = patience + waitOf(step, this.#place.moment().now);
      await ahead(step, this.#place.joins.open(id, group.length, continuation, wait));
    }
    const each = given.kind === 'list' ? { ...given, shared: true } : given;
    const of = frames.length > 0 ? origin : { ...origin, group: id };
    for (let from = 0; from < group.length; from += width) {
      const some = group.slice(from, from + width);
      await allSent(
        some.map((part, index) => this.start(part, each, placeIn(id, from + index, frames), of)),
        from,
      );
    }
  }

  /** Starts the parts of a group as they come; gives how many there were. */
  async startEach(
    id: string,
    parts: AsyncIterable<Step>,
    frames: readonly Frame[],
    origin: Origin,
  ): Promise<number> {
    if (frames.length > 0) {
      const continuation = { next: frames, origin: { ...origin, again: true } };
      await ahead({ group: [], id }, this.#place.joins.open(id, undefined, continuation, patience));
    }
    const of = frames.length > 0 ? origin : { ...origin, group: id };
    let count = 0;
    let sent = 0;
    let failure: Error | undefined;
    const going = new Set<Promise<void>>();
    for await (const part of parts) {
      const started = this.start(part, nothing, placeIn(id, count, frames), of).then(
        () => {
          sent += 1;
          going.delete(started);
        },
        (error: unknown) => {
          failure ??= error as Error;
        },
      );
      going.add(started);
      count += 1;
      if (going.size >= width) await Promise.race(going);
      if (failure !== undefined) break;
    }
    await Promise.all(going);
    if (failure !== undefined) await allSent([Promise.reject(failure)], sent);
    if (frames.length === 0) return count;
    const sealed = await this.#place.joins.seal(id, count);
    if (sealed.kind !== 'waiting') await this.#joined(id, sealed.continuation, undefined);
    return count;
  }

  /** Does what follows an end. */
  async proceed(frames: readonly Frame[], end: End, origin: Origin): Promise<void> {
    const [frame, ...outer] = frames;
    if (!frame) return;
    if ('join' in frame) return this.#fill(frame.join, frame.at, end, origin.parent);
    if ('settle' in frame) {
      const outcome = { id: frame.settle, task: frame.task, ...(await this.#outcome(end)) };
      await this.#place.settle([outcome], origin.reply);
      await this.#callBack(frame, frame.settle, end, origin);
      return this.proceed(outer, end, origin);
    }
    const rest = await this.#rest(frame);
    const [step, ...others] = rest;
    if (!step) return this.proceed(outer, end, origin);
    if (end.ok) {
      const next = others.length === 0 ? outer : [after(frame, others), ...outer];
      return this.start(step, end.given, next, origin);
    }
    await this.#abandon(rest, end, origin);
    return this.proceed(outer, end, origin);
  }

  async #rest(
    frame: Extract<Frame, { steps: unknown } | { list: unknown }>,
  ): Promise<readonly Step[]> {
    if ('steps' in frame) return frame.steps;
    const list = await this.#place.joins.list(frame.list, frame.at, patience);
    // Gone: what follows was done long ago.
    return list?.slice(frame.at) ?? [];
  }

  /** Everything that would have come is told how it ended. */
  async #abandon(
    steps: readonly Step[],
    { state, error }: Extract<End, { ok: false }>,
    { reply }: Origin,
  ): Promise<void> {
    const at = this.#place.moment().now;
    const outcomes: Outcome[] = [];
    for (const step of steps) {
      for (const { id, task } of tasksOf(step)) outcomes.push({ id, task, state, error, at });
    }
    await this.#place.settle(outcomes, reply);
  }

  /** @param by the task that ends with it */
  async #fill(join: string, at: number, end: End, by: string | undefined): Promise<void> {
    const text = await this.#text(end);
    const filled = await this.#place.joins.fill(join, at, text, patience);
    if (filled.kind !== 'waiting') {
      // Complete by an ignored task is complete.
      const failure = filled.kind === 'failed' && !end.ok ? end : undefined;
      try {
        await this.#joined(join, withParent(filled.continuation, by), failure);
      } catch (error) {
        // The values went when all was done: another worker has done it meanwhile.
        if (!(error instanceof ChordError)) throw error;
      }
    }
    await this.#copied(end);
  }

  /** The values of a group that were copied to where they are needed may go. */
  async #copied(end: End): Promise<void> {
    if (end.ok && end.given.kind === 'list' && !end.given.shared)
      await this.#place.joins.drop(end.given.join);
  }

  /** What a place of a group holds; nothing for a failure. An ignored task has no value. */
  async #text(end: End): Promise<string | undefined> {
    if (end.ok) return JSON.stringify(await this.#json(end.given));
    return end.state === 'IGNORED' ? JSON.stringify(encode(undefined, 'result')) : undefined;
  }

  async #json(given: Given): Promise<JsonValue> {
    if (given.kind === 'nothing') return encode(undefined, 'result');
    if (given.kind === 'value') return given.json;
    return JSON.parse(await this.#place.joins.values(given.join)) as JsonValue;
  }

  /** A group is complete, or has failed for the first time. */
  async #joined(
    join: string,
    { next, origin }: Continuation,
    failure: Extract<End, { ok: false }> | undefined,
  ): Promise<void> {
    if (!failure) return this.proceed(next, { ok: true, given: { kind: 'list', join } }, origin);
    // The body of a chord is not run; who waits for its failure hears of it, once.
    const [frame] = next;
    if (frame && ('steps' in frame || 'list' in frame)) {
      for (const task of bodyOf(await this.#rest(frame)))
        await this.#callBack(task, task.id, failure, origin);
    }
    return this.proceed(next, failure, origin);
  }

  async #outcome(end: End): Promise<Omit<Outcome, 'id'>> {
    const at = this.#place.moment().now;
    if (!end.ok) return { state: end.state, error: end.error, at };
    return { state: 'SUCCESS', value: decode(await this.#json(end.given), 'result'), at };
  }

  /** Does what follows the end of a task that a worker ran. */
  async ended(message: Message, outcome: Outcome): Promise<void> {
    const origin = originOf(message);
    const end = endOf(outcome);
    await this.#callBack(message, message.id, end, origin);
    await this.proceed(message.next ?? [], end, origin);
    // A task that has failed may be retried, and then needs them again.
    if (message.only && message.from !== undefined && outcome.state !== 'FAILURE')
      await this.#place.joins.drop(message.from);
  }

  /** Frees what a task's failure has stopped: it is to run again. */
  reopen(message: Message): Promise<Reopened> {
    return reopen(this.#place.joins, message, patience);
  }

  /** Starts what is linked to a task. */
  async #callBack(
    { link = [], linkError = [] }: Pick<TaskStep, 'link' | 'linkError'>,
    id: string,
    end: End,
    origin: Origin,
  ): Promise<void> {
    if (end.ok) {
      const given = {
        kind: 'value',
        json: link.length > 0 ? await this.#json(end.given) : null,
      } as const;
      for (const step of link) await this.start(step, given, [], { ...origin, parent: id });
    } else if (end.state !== 'IGNORED') {
      const failure = { ...end.from, error: encodeError(end.error) } as unknown as JsonValue;
      const given = { kind: 'value', json: failure } as const;
      for (const step of linkError) await this.start(step, given, [], { ...origin, parent: id });
    }
  }

  /** Notes that what a task's failure has stopped waits for it once more, when that was cleared. */
  waitAgain(message: Message, reopened: Reopened): Promise<void> {
    return this.#place.note(message, reopened);
  }

  #call(step: TaskStep, given: Given, frames: readonly Frame[], origin: Origin): Call {
    const own = decodeArgs(step.args);
    const takes = step.immutable ? nothing : given;
    const args = takes.kind === 'value' ? [decode(takes.json, 'args'), ...own] : own;
    const options = decodeOptions(step.options);
    const call = freezeCall(step.task, args, this.#place.calls(step.task, args, options), options, {
      ...this.#place.moment(),
      newId: () => step.id,
      reply: origin.reply,
      defaultQueue: this.#place.defaultQueue,
      root: origin.root,
      parent: origin.parent,
    });
    const message: { -readonly [K in keyof Message]: Message[K] } = call.message;
    if (origin.group !== undefined) message.group = origin.group;
    if (origin.trace) message.trace = origin.trace;
    if (origin.again) message.once = true;
    if (takes.kind === 'list') {
      message.from = takes.join;
      if (!takes.shared) message.only = true;
    }
    if (frames.length > 0) message.next = frames;
    if (step.link) message.link = step.link;
    if (step.linkError) message.linkError = step.linkError;
    return call;
  }
}

/** How a stored outcome goes on. */
function endOf({ id, task, state, value, error }: Outcome): End {
  if (state === 'SUCCESS') {
    const json =
      value instanceof Encoded ? (JSON.parse(value.text) as JsonValue) : encode(value, 'result');
    return { ok: true, given: { kind: 'value', json } };
  }
  return { ok: false, state, error, from: { id, ...(task !== undefined && { task }) } };
}

/** What follows a group is called by the task that has completed it. */
const withParent = ({ next, origin }: Continuation, parent: string | undefined): Continuation => ({
  next,
  origin: { ...origin, parent },
});

const placeIn = (join: string, at: number, frames: readonly Frame[]): Frame[] =>
  frames.length > 0 ? [{ join, at }] : [];

/** The frame behind the first step of another. */
function after(
  frame: Extract<Frame, { steps: unknown } | { list: unknown }>,
  others: readonly Step[],
): Frame {
  return 'steps' in frame ? { steps: others } : { list: frame.list, at: frame.at + 1 };
}

/** The longest time that a step asks to wait before something in it runs. */
export function waitOf(step: Step, now: number): number {
  if ('task' in step) {
    const { countdown = 0, eta } = step.options ?? {};
    return eta === undefined ? countdown : Math.max(0, eta - now);
  }
  if (isGroupStep(step))
    return step.group.reduce((most, part) => Math.max(most, waitOf(part, now)), 0);
  return step.chain.reduce((sum, part) => sum + waitOf(part, now), 0);
}
