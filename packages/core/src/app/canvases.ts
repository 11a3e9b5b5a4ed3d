/** Sends canvases, and makes the results of what was sent. */
import { randomUUID } from 'node:crypto';
import type { Shards } from '../broker/shards.js';
import { emptyGroupResult, isEmptyGroup } from '../canvas/empty-group.js';
import { Flow, nothing } from '../canvas/flow.js';
import { handleForm, type HandleForm } from '../codec/index.js';
import { Joins, type Origin, originOf } from '../canvas/joins.js';
import {
  type CanvasLike,
  countLast,
  freeze,
  mapAll,
  type Node,
  withOptions,
} from '../canvas/tree.js';
import type { AppConfig } from '../config/resolve.js';
import { ConfigError } from '../errors.js';
import { idSeries } from '../protocol/id-run.js';
import { groupKey } from '../protocol/keys.js';
import type { Message } from '../protocol/message.js';
import {
  type Frame,
  isGroupStep,
  prepend,
  type Step,
  type TaskStep,
  firstTasks,
  tasksOf,
} from '../protocol/step.js';
import type { AnyResult } from '../result/any-result.js';
import {
  AsyncResult,
  type Dispatch,
  type ResultSource,
  type SentCall,
} from '../result/async-result.js';
import { GroupResult } from '../result/group-result.js';
import type { Revocable } from '../result/revocation.js';
import { Sent } from '../result/sent.js';
import type { CallSettings } from '../task/call.js';
import { findCurrentTask } from '../task/context.js';
import type { Outbox } from './outbox.js';
import type { Tracing } from '../trace/tracing.js';
import { Path } from '../canvas/waiting.js';
import { beside } from '../canvas/sends.js';
import { CanvasNotes, Noted } from './canvas-notes.js';
import { SentParts } from './sent-parts.js';

/** What canvases need of their App. */
export interface CanvasesPlace {
  readonly config: AppConfig;
  readonly shards: Shards;
  readonly results: ResultSource;
  readonly outbox: Outbox;
}

/** The canvases of an App. */
export class Canvases {
  /** Carries them on, here and in workers. */
  readonly flow: Flow;
  readonly #place: CanvasesPlace;
  readonly #joins: Joins;
  readonly #notes: CanvasNotes;

  constructor(place: CanvasesPlace) {
    const { config, shards, outbox } = place;
    this.#place = place;
    this.#joins = new Joins((id) => shards.of(id));
    this.#notes = new CanvasNotes(shards, config);
    this.flow = new Flow({
      joins: this.#joins,
      defaultQueue: config.defaultQueue,
      // A step that names its queue was routed where its canvas was sent.
      calls: (task, args, options) =>
        options.queue === undefined
          ? outbox.defaults(task, args, options)
          : outbox.known(task, args),
      send: (call) => outbox.publish(call),
      moment: () => shards.moment,
      settle: (outcomes, reply) => this.#notes.settle(outcomes, reply),
      note: (message, reopened) => this.#notes.noteAgain(message, reopened),
    });
  }

  /** What makes spans of what is sent, and of runs, where the App has tracing on. */
  get tracing(): Tracing | undefined {
    return this.#place.shards.main.broker.tracing;
  }

  /** Sends a canvas; gives the promise of its result. */
  send(node: Node, args: readonly unknown[], call: CallSettings): Sent<unknown, AnyResult> {
    const parent = findCurrentTask();
    const step = prepend(freeze(this.#settled(withOptions(node, call)), idSeries()), args);
    const { mailbox } = this.#place.results;
    const root = parent?.rootId ?? firstId(step);
    for (const { id } of firstTasks(step)) parent?.spawned?.(id);
    const origin: Origin = { root, parent: parent?.id, reply: mailbox.caller };
    const { epoch } = mailbox;
    const sending = this.#traced(step, origin, (traced) => this.#start(step, [], traced));
    const sent: SentCall = {
      queue: undefined,
      ignoreResult: false,
      epoch,
      sending,
      dispatch: dispatchOf(sending),
    };
    return new Sent(this.#resultOf(step, sent, undefined), sending);
  }

  /** Starts a canvas, and notes its tasks that wait: both at a time, on one connection in that order. */
  #start(step: Step, frames: readonly Frame[], origin: Origin): Promise<void> {
    const noted = this.#notes.note(step, origin.reply);
    const started = this.flow.start(step, nothing, frames, origin);
    return noted ? beside(step, started, noted) : started;
  }

  /** Sends a canvas within a span, where the App has tracing on; a single task has its own. */
  #traced<R>(step: Step, origin: Origin, send: (origin: Origin) => Promise<R>): Promise<R> {
    const { tracing } = this;
    if (!tracing || 'task' in step) return send(origin);
    const kind = isGroupStep(step) ? 'group' : 'chain';
    return tracing.canvas(kind, step.id, (trace) => send({ ...origin, ...(trace && { trace }) }));
  }

  /**
   * Sends a canvas under ids that begin with `id`, which is that of its last task, if there is one
   * last: whoever sends it as well changes nothing.
   *
   * @returns the id of the whole
   */
  async tick(
    node: Node,
    args: readonly unknown[],
    call: CallSettings,
    id: string,
  ): Promise<string> {
    let count = 0;
    const named = withOptions(node, countLast(node) === 1 ? { ...call, id } : call);
    const frozen = freeze(this.#settled(named), () => `${id}~${(count += 1)}`);
    const step = prepend(frozen, args);
    const origin = { root: firstId(step), parent: undefined, reply: undefined, again: true };
    await this.#traced(step, origin, (traced) => this.#start(step, [], traced));
    return step.id;
  }

  /** Sends the parts of a group as they are produced, and what gets their values. */
  sendEach(
    source: AsyncIterable<CanvasLike> | Iterable<CanvasLike>,
    body: CanvasLike | undefined,
    call: CallSettings,
  ): Sent<unknown, AnyResult> {
    const id = randomUUID();
    const { mailbox } = this.#place.results;
    const parent = findCurrentTask();
    const origin = { root: parent?.rootId, parent: parent?.id, reply: mailbox.caller };
    const sentParts = new SentParts(id);
    const parts = new Path();
    const noted = new Noted();
    const last = body && freeze(this.#settled(withOptions(body.node, headersOf(call))), idSeries());
    const frames: Frame[] = last ? [{ steps: 'chain' in last ? last.chain : [last] }] : [];
    const steps = async function* (this: Canvases): AsyncGenerator<Step> {
      for await (const { node } of source) {
        const at = sentParts.count;
        let count = 0;
        const step = freeze(this.#settled(withOptions(node, call)), () => {
          count += 1;
          return `${id}-${at}${count === 1 ? '' : `.${count}`}`;
        });
        sentParts.add(step, last === undefined);
        if (last) parts.add(step, this.#notes.queueOf);
        noted.add(this.#notes.note(step, mailbox.caller));
        yield step;
      }
    };
    const sending = this.#traced({ group: [], id }, origin, async (traced) => {
      // What comes before the body is known when all parts are.
      if (last) noted.add(this.#notes.note(last, mailbox.caller, Path.unknown()));
      try {
        await this.flow.startEach(id, steps.call(this), frames, traced);
      } catch (error) {
        if (last) await this.#notes.abandon(last, error, mailbox.caller);
        throw error;
      }
      if (last) noted.add(this.#notes.note(last, mailbox.caller, parts));
      await noted.all();
    });
    const { epoch } = mailbox;
    const sent: SentCall = {
      queue: undefined,
      ignoreResult: false,
      epoch,
      sending,
      dispatch: dispatchOf(sending),
    };
    // What `get()` waits for may fail before anyone asks.
    sending.catch(() => undefined);
    const resultsOf = (): AnyResult[] =>
      sentParts.steps().map((step) => this.#resultOf(step, sent, undefined));
    const save = (): Promise<void> => this.#save(id, header.results);
    const header = new GroupResult(id, resultsOf, undefined, save, sending);
    return new Sent(last ? this.#resultOf(last, sent, undefined) : header, sending);
  }

  /** Writes into each task what is known of it here, for a worker may not have its code. */
  #settled(node: Node): Node {
    return mapAll(node, (task) => ({
      ...task,
      options: this.#place.outbox.settle(task.task, task.args, task.options),
    }));
  }

  /** Has a canvas take a task's place, with its headers. Run twice, it sends the same ids. */
  async replace(node: Node, message: Message, frames: readonly Frame[]): Promise<void> {
    const step = this.#within(node, message, message.id);
    await this.#notes.noteReplaced(message, step);
    await this.#start(step, frames, originOf(message));
  }

  /** Adds a part to the group that a task is in, with the task's headers; the same name adds it once. */
  async grow({ node }: CanvasLike, message: Message, join: string, name: string): Promise<void> {
    const at = await this.#joins.grow(join, name);
    await this.#start(this.#within(node, message, name), [{ join, at }], originOf(message));
  }

  /** What a task leads to, under ids that begin with `name`. */
  #within(node: Node, { headers = {} }: Message, name: string): Step {
    // Its own headers win.
    const inherited = mapAll(node, (task) => ({
      ...task,
      options: { ...task.options, headers: { ...headers, ...task.options.headers } },
    }));
    let count = 0;
    return freeze(this.#settled(inherited), () => `${name}~${(count += 1)}`);
  }

  /** The values of a group, as the JSON text of a list. */
  values(join: string): Promise<string> {
    return this.#joins.values(join);
  }

  /** @param before the tasks that come before the step */
  #resultOf(
    step: Step,
    sent: SentCall,
    parent: AnyResult | undefined,
    before: () => readonly Revocable[] = () => [],
  ): AnyResult {
    if ('task' in step) {
      const tree = (): Revocable[] => [...before(), this.#revocable(step)];
      const { epoch, sending, dispatch } = sent;
      const ignoreResult = step.options?.ignoreResult ?? false;
      const queue = this.#notes.queueOf(step);
      const call: SentCall = { queue, ignoreResult, epoch, sending, dispatch, tree };
      return new AsyncResult(step.id, this.#place.results, call, parent);
    }
    if (isGroupStep(step)) {
      const parts = step.group.map((part) => this.#resultOf(part, sent, parent));
      return this.#group(step.id, parts, parent);
    }
    let last = parent;
    let passed = before;
    for (const part of step.chain) {
      last = this.#resultOf(part, sent, last, passed);
      const earlier = passed;
      passed = () => [...earlier(), ...Array.from(tasksOf(part), (task) => this.#revocable(task))];
    }
    return last ?? this.#group(step.id, [], undefined);
  }

  #revocable(step: TaskStep): Revocable {
    return { id: step.id, task: step.task, queue: this.#notes.queueOf(step) };
  }

  #group(id: string, parts: readonly AnyResult[], parent: AnyResult | undefined): GroupResult {
    return new GroupResult(
      id,
      () => parts,
      parent,
      () => this.#save(id, parts),
    );
  }

  async #save(id: string, parts: readonly AnyResult[]): Promise<void> {
    const { config, shards } = this.#place;
    const { ask, prefix } = shards.of(id);
    const text = JSON.stringify(parts.map((part) => part[handleForm]));
    const key = groupKey(prefix, id);
    await ask(`group ${id} was not saved`, (connection) =>
      config.resultExpires > 0
        ? connection.set(key, text, 'PX', Math.ceil(config.resultExpires))
        : connection.set(key, text),
    );
  }

  /** Makes the handle of a task, or of a group, that is known by its id. */
  readonly handles = (form: HandleForm): AnyResult =>
    typeof form === 'string'
      ? new AsyncResult(form, this.#place.results)
      : this.#group(form.id, form.parts.map(this.handles), undefined);

  /**
   * A group that was saved.
   *
   * @throws ConfigError when there is none under the id
   */
  async restore(id: string): Promise<GroupResult> {
    if (isEmptyGroup(id)) return emptyGroupResult(id);
    const { shards } = this.#place;
    const { ask, prefix } = shards.of(id);
    const text = await ask(`group ${id} was not read`, (connection) =>
      connection.get(groupKey(prefix, id)),
    );
    if (text === null) {
      throw new ConfigError(
        `there is no saved group ${id}; save() it before another process asks for it, and before it expires`,
      );
    }
    return this.#group(id, (JSON.parse(text) as HandleForm[]).map(this.handles), undefined);
  }
}

/** Notes when Redis has all that was to be sent at once. */
function dispatchOf(sending: Promise<unknown>): Dispatch {
  const dispatch = { isDone: false };
  sending.then(
    () => (dispatch.isDone = true),
    // Whoever waits hears of it by `sending`.
    () => undefined,
  );
  return dispatch;
}

/** Of a call's options, those that are for all tasks. */
const headersOf = ({ headers }: CallSettings): CallSettings =>
  headers === undefined ? {} : { headers };

/** The id of the task that a step begins with. */
function firstId(step: Step): string | undefined {
  if ('task' in step) return step.id;
  const [first] = isGroupStep(step) ? step.group : step.chain;
  // The parts of a group are roots of their own.
  return first && !isGroupStep(step) ? firstId(first) : undefined;
}
