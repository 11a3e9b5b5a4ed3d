/** Runs a canvas where it is called, task by task. */
import { randomUUID } from 'node:crypto';
import { bodyOf, type Node, type TaskNode } from '../canvas/tree.js';
import type { Outcome } from '../protocol/outcome.js';
import { EagerResult } from '../result/eager-result.js';
import type { CallSettings } from '../task/call.js';
import type { Definition } from '../task/definition.js';
import { type EagerPlace as RunPlace, runEagerly } from '../task/eager.js';

/** What is needed to run tasks here. */
export interface EagerPlace extends RunPlace {
  /** @throws UnknownTaskError */
  readonly definition: (task: string, args: readonly unknown[]) => Definition;
}

/** How a part has ended. */
interface Ended {
  readonly outcome: Outcome;
  readonly result: EagerResult<unknown>;
}

/** Starts a canvas and gives its result, which settles when it has ended. */
export function runCanvasEagerly(
  node: Node,
  args: readonly unknown[],
  place: EagerPlace,
): EagerResult<unknown> {
  const run = new EagerRun(place);
  const id = randomUUID();
  const ended = run.run(node, args);
  const parent = ended.then(({ result }) => result.parent);
  // Whoever asks for the value hears of it.
  parent.catch(() => undefined);
  return new EagerResult(
    id,
    ended.then(({ outcome }) => ({ ...outcome, id })),
    parent,
  );
}

class EagerRun {
  readonly #place: EagerPlace;

  constructor(place: EagerPlace) {
    this.#place = place;
  }

  async run(node: Node, given: readonly unknown[], parent?: EagerResult<unknown>): Promise<Ended> {
    switch (node.kind) {
      case 'task':
        return this.#runTask(node, given, parent);
      case 'group':
        return this.#runGroup(node.parts, given, parent);
      case 'chain':
        return this.#runChain(node.parts, given, parent);
    }
  }

  async #runTask(
    { task, args, immutable, options, link, linkError }: TaskNode,
    given: readonly unknown[],
    parent: EagerResult<unknown> | undefined,
  ): Promise<Ended> {
    const all = immutable ? args : [...given, ...args];
    const definition = this.#place.definition(task, all);
    const settings: CallSettings = options;
    const ran = runEagerly(task, definition, all, settings, this.#place);
    const outcome = await ran.outcome;
    const result = new EagerResult(ran.id, Promise.resolve(outcome), Promise.resolve(parent));
    const failure = { id: outcome.id, task, error: outcome.error };
    if (outcome.state === 'SUCCESS') for (const next of link) await this.run(next, [outcome.value]);
    if (outcome.state === 'FAILURE') for (const next of linkError) await this.run(next, [failure]);
    return { outcome, result };
  }

  async #runGroup(
    parts: readonly Node[],
    given: readonly unknown[],
    parent: EagerResult<unknown> | undefined,
  ): Promise<Ended> {
    const values: unknown[] = [];
    let failed: Outcome | undefined;
    // As on workers, the failure of one does not keep the others from running.
    for (const part of parts) {
      const { outcome } = await this.run(part, given, parent);
      if (outcome.state === 'FAILURE') failed ??= outcome;
      values.push(outcome.value);
    }
    const at = Date.now();
    const outcome = failed ?? { id: randomUUID(), state: 'SUCCESS', value: values, at };
    return {
      outcome,
      result: new EagerResult(outcome.id, Promise.resolve(outcome), Promise.resolve(parent)),
    };
  }

  async #runChain(
    parts: readonly Node[],
    given: readonly unknown[],
    parent: EagerResult<unknown> | undefined,
  ): Promise<Ended> {
    let last: Ended | undefined;
    for (const [at, part] of parts.entries()) {
      last = await this.run(part, last ? [last.outcome.value] : given, last?.result ?? parent);
      const { id, task = '', state, error } = last.outcome;
      if (state === 'SUCCESS') continue;
      if (state === 'FAILURE' && part.kind === 'group')
        for (const body of bodyOf(parts.slice(at + 1)))
          for (const next of body.linkError) await this.run(next, [{ id, task, error }]);
      break;
    }
    return last ?? this.#runGroup([], given, parent);
  }
}
