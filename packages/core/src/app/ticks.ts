/** Sends what periodic tasks send. */
import type { Plan } from '../beat/plan.js';
import type { TaskNode } from '../canvas/tree.js';
import type { CallSettings } from '../protocol/call-settings.js';
import type { AnyResult } from '../result/any-result.js';
import type { Canvases } from './canvases.js';
import type { Outbox } from './outbox.js';

/** What was sent: the task that it ends with, and where that is if it is the only one. */
export interface SentTick {
  readonly id: string;
  readonly queue?: string;
}

export class Ticks {
  readonly #outbox: Outbox;
  readonly #canvases: Canvases;

  constructor(outbox: Outbox, canvases: Canvases) {
    this.#outbox = outbox;
    this.#canvases = canvases;
  }

  /**
   * Sends a tick. Whoever sends it as well, under the same id, changes nothing: it runs once.
   *
   * @throws (rejects) what a call is rejected with
   */
  async send(plan: Plan, id: string, headers: Headers): Promise<SentTick> {
    const call = withHeaders(plan.call, headers);
    const { node } = plan;
    const args = plan.args();
    if (isPlain(node))
      return this.#outbox.tick(node.task, argsOf(node, args), callOf(node, call), id);
    return { id: await this.#canvases.tick(node, args, call, id) };
  }

  /** Sends it now, as if it were called. */
  async run(plan: Plan, headers: Headers): Promise<AnyResult> {
    const call = withHeaders(plan.call, headers);
    const { node } = plan;
    const args = plan.args();
    if (!isPlain(node)) return this.#canvases.send(node, args, call);
    return this.#outbox.send(node.task, argsOf(node, args), undefined, {}, callOf(node, call));
  }
}

type Headers = Readonly<Record<string, unknown>>;

/** One task, which needs nothing of what canvases have. */
const isPlain = (node: Plan['node']): node is TaskNode =>
  node.kind === 'task' && node.link.length === 0 && node.linkError.length === 0;

const argsOf = ({ args, immutable }: TaskNode, given: readonly unknown[]): readonly unknown[] =>
  immutable ? args : [...given, ...args];

const callOf = ({ options }: TaskNode, call: CallSettings): CallSettings => ({
  ...options,
  ...call,
  headers: { ...options.headers, ...call.headers },
});

const withHeaders = (call: CallSettings, headers: Headers): CallSettings => ({
  ...call,
  headers: { ...call.headers, ...headers },
});
