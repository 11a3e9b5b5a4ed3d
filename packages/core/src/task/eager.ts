/** Runs a task where it is called, by the path that a worker takes. */
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { Replace } from '../canvas/steering.js';
import { mapAll, type Node } from '../canvas/tree.js';
import { type HandleMaker, note } from '../codec/index.js';
import { RegistryError } from '../errors.js';
import type { TaskEnding } from '../hooks/events.js';
import { Hooks } from '../hooks/hooks.js';
import { decodeMessage, encodeMessage, type Message } from '../protocol/message.js';
import { encodeOutcome, type Outcome, parseOutcome } from '../protocol/outcome.js';
import { EagerResult } from '../result/eager-result.js';
import { type CallSettings, freezeCall } from './call.js';
import { findCurrentTask } from './context.js';
import type { Definition } from './definition.js';
import { EagerContext, type EagerOrigin } from './eager-context.js';
import { conclude, endingOf, perform } from './performance.js';
import { judge, tellBeside, type Verdict } from './verdict.js';

const unlimited = Number.MAX_SAFE_INTEGER;

/** How often a run may ask to go back to a queue, which is not there: a worker would take it again and again. */
const mostRequeues = 100;

/** What a run needs of the App that the task belongs to. */
export interface EagerPlace {
  readonly maxPayload: number;
  /** Makes the handles on tasks that values hold; absent where there is no App. */
  readonly handles?: HandleMaker;
  readonly hooks: Hooks;
  /** Runs a canvas here; absent where there is no App, and so no code. */
  readonly applyCanvas?: (
    node: Node,
    args: readonly unknown[],
    origin?: EagerOrigin,
  ) => EagerResult<unknown>;
}

const nowhere: EagerPlace = { maxPayload: unlimited, hooks: new Hooks() };

/** An outcome, and of a failure the task that has failed: of one that was replaced, another one. */
export interface EagerOutcome extends Outcome {
  readonly from?: Pick<Outcome, 'id' | 'task'>;
}

/** Starts a run and gives its result, which settles when the run ends. */
export function runEagerly(
  name: string,
  definition: Definition,
  args: readonly unknown[],
  settings: CallSettings,
  place: EagerPlace = nowhere,
  origin?: EagerOrigin,
): EagerResult<never> {
  const parent = findCurrentTask();
  const { message } = freezeCall(name, args, definition.calls, settings, {
    now: Date.now(),
    newId: randomUUID,
    reply: '',
    defaultQueue: '',
    root: origin ? origin.root : parent?.rootId,
    parent: origin ? origin.parent : parent?.id,
  });
  const run = new EagerRun(definition, message, place, origin, parent?.signal);
  return new EagerResult(message.id, run.run());
}

/** One attempt, and how it ended. */
interface Ended {
  readonly outcome: EagerOutcome;
  readonly context: EagerContext;
  readonly ending: TaskEnding;
}

class EagerRun {
  readonly #definition: Definition;
  readonly #message: Message;
  readonly #place: EagerPlace;
  readonly #origin: EagerOrigin | undefined;
  readonly #signal: AbortSignal | undefined;
  #requeues = 0;

  constructor(
    definition: Definition,
    message: Message,
    place: EagerPlace,
    origin: EagerOrigin | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#definition = definition;
    this.#message = message;
    this.#place = place;
    this.#origin = origin;
    this.#signal = signal;
  }

  async run(): Promise<EagerOutcome> {
    const { maxPayload, hooks, handles } = this.#place;
    let ended: Ended | undefined;
    let outcome: EagerOutcome;
    try {
      ended = await this.#attempts();
      const { from } = ended.outcome;
      outcome = {
        ...parseOutcome(encodeOutcome(ended.outcome, maxPayload), handles),
        ...(from && { from }),
      };
    } catch (error) {
      ended = ended && { ...ended, ending: { state: 'FAILURE', error } };
      outcome = parseOutcome(encodeOutcome(this.#outcome('FAILURE', { error }), unlimited));
    }
    // That it is replaced was told before what takes its place began.
    if (ended && ended.ending.state !== 'REPLACED')
      await conclude(this.#definition, ended.context, ended.ending, hooks);
    return outcome;
  }

  /** Each attempt gets the message as it came, whatever the one before has done with its arguments. */
  async #attempts(): Promise<Ended> {
    const { id, name } = this.#message;
    // Through the codec and back, so that what would fail on its way to a worker fails here too.
    let text = encodeMessage(this.#message, this.#place.maxPayload);
    for (let retries = 0; ; retries += 1) {
      const message = decodeMessage(id, name, JSON.parse(text), undefined, this.#place.handles);
      const context = this.#contextOf(message, retries - this.#requeues);
      const ended = await this.#attempt(message, context);
      if ('outcome' in ended) return ended;
      const { verdict, thrown } = ended;
      if (verdict.kind === 'retry' && verdict.args) {
        try {
          text = encodeMessage({ ...message, args: verdict.args }, this.#place.maxPayload);
        } catch (error) {
          return this.#failed(context, error);
        }
      }
      // Without a queue a message cannot go back to it: the next attempt stands for that.
      await conclude(this.#definition, context, endingOf(verdict, thrown), this.#place.hooks);
      // A task that is retried without end holds nobody up.
      await turn();
    }
  }

  #contextOf(message: Message, retries: number): EagerContext {
    const { calls } = this.#definition;
    const hard = message.timeLimit ?? calls.timeLimit ?? 0;
    const soft = message.softTimeLimit ?? calls.softTimeLimit ?? 0;
    const origin = this.#origin;
    return new EagerContext(message, { retries, hard, soft, origin, signal: this.#signal });
  }

  async #attempt(
    message: Message,
    context: EagerContext,
  ): Promise<Ended | { readonly verdict: Verdict; readonly thrown: unknown }> {
    const { id, name, retry: override } = message;
    const { retries } = context;
    try {
      const body = (): unknown => perform(this.#definition, context, this.#place.hooks);
      const value = await context.within(body);
      const outcome = this.#outcome('SUCCESS', { value, retries });
      return { outcome, context, ending: { state: 'SUCCESS', value } };
    } catch (thrown) {
      if (thrown instanceof Replace) return this.#replaced(context, message, thrown.node);
      const { retry: policy } = this.#definition;
      const verdict = judge(thrown, { id, name, retries, policy, override, now: Date.now() });
      tellBeside(verdict, { id, name }, context.logger);
      if (verdict.kind === 'fail') return this.#failed(context, verdict.error);
      if (verdict.kind === 'ignore')
        return { outcome: this.#outcome('IGNORED'), context, ending: endingOf(verdict, thrown) };
      if (verdict.kind !== 'requeue') return { verdict, thrown };
      this.#requeues += 1;
      if (this.#requeues < mostRequeues) return { verdict, thrown };
      note(thrown, `it asked ${mostRequeues} times to go back to its queue, and apply() has none`);
      return this.#failed(context, thrown);
    }
  }

  #failed(context: EagerContext, error: unknown): Ended {
    const outcome = this.#outcome('FAILURE', { error, retries: context.retries });
    return { outcome, context, ending: { state: 'FAILURE', error } };
  }

  /** A canvas takes the task's place, with its headers: its end is the task's. */
  async #replaced(context: EagerContext, { headers = {} }: Message, node: Node): Promise<Ended> {
    const { applyCanvas, hooks } = this.#place;
    const { id, name, rootId: root } = context;
    if (!applyCanvas) {
      const why = `task ${name}[${id}] belongs to no App, so there is no code that could take its place`;
      return this.#failed(context, new RegistryError(why));
    }
    await conclude(this.#definition, context, { state: 'REPLACED' }, hooks);
    // Its own headers win.
    const inherited = mapAll(node, (task) => ({
      ...task,
      options: { ...task.options, headers: { ...headers, ...task.options.headers } },
    }));
    const end: EagerOutcome = await applyCanvas(inherited, [], { root, parent: id, followed: true })
      .outcome;
    const { from = { id: end.id, ...(end.task !== undefined && { task: end.task }) } } = end;
    return { outcome: { ...end, id, task: name, from }, context, ending: { state: 'REPLACED' } };
  }

  #outcome(state: string, more: Partial<Outcome> = {}): Outcome {
    const { id, name: task } = this.#message;
    return { id, task, state, at: Date.now(), ...more };
  }
}
