/** Runs a canvas where it is called, task by task. */
import { randomUUID } from 'node:crypto';
import { bodyOf, type Node, type TaskNode } from '../canvas/tree.js';
import type { Outcome } from '../protocol/outcome.js';
import { EagerResult } from '../result/eager-result.js';
import { findCurrentTask } from '../task/context.js';
import type { Definition } from '../task/definition.js';
import { type EagerOutcome, type EagerPlace as RunPlace, runEagerly } from '../task/eager.js';
import type { EagerOrigin } from '../task/eager-context.js';

/** What is needed to run tasks here. */
export interface EagerPlace extends RunPlace {
  /** @throws UnknownTaskError */
  readonly definition: (task: string, args: readonly unknown[]) => Definition;
}

/** Where a part stands. */
interface Position extends EagerOrigin {
  /** The result of what comes before. */
  readonly before?: EagerResult<unknown> | undefined;
}

/** How a part has ended. */
interface Ended {
  readonly outcome: Outcome;
  readonly result: EagerResult<unknown>;
  /** Of a failure: the task that has failed. */
  readonly from: Pick<Outcome, 'id' | 'task'>;
  /** What the next step comes from. */
  readonly next: Pick<EagerOrigin, 'root' | 'parent'>;
}

/** Starts a canvas and gives its result, which settles when it has ended. */
export function runCanvasEagerly(
  node: Node,
  args: readonly unknown[],
  place: EagerPlace,
  origin?: EagerOrigin,
): EagerResult<unknown> {
  const run = new EagerRun(place);
  const id = randomUUID();
  const task = findCurrentTask();
  const ended = run.run(node, args, origin ?? { root: task?.rootId, parent: task?.id });
  const parent = ended.then(({ result }) => result.parent);
  // Whoever asks for the value hears of it.
  parent.catch(() => undefined);
  const outcome = ended.then(({ outcome: end, from }): EagerOutcome => ({ ...end, id, from }));
  return new EagerResult(id, outcome, parent);
}

class EagerRun {
  readonly #place: EagerPlace;

  constructor(place: EagerPlace) {
    this.#place = place;
  }

  async run(node: Node, given: readonly unknown[], at: Position): Promise<Ended> {
    switch (node.kind) {
      case 'task':
        return this.#runTask(node, given, at);
      case 'group':
        return this.#runGroup(node.parts, given, at);
      case 'chain':
        return this.#runChain(node.parts, given, at);
    }
  }

  async #runTask(node: TaskNode, given: readonly unknown[], at: Position): Promise<Ended> {
    const { task, args, immutable, link, linkError } = node;
    const all = immutable ? args : [...given, ...args];
    const outcome = await this.#outcomeOf(node, all, at);
    const { id, error } = outcome;
    const { from = { id, task } } = outcome;
    const result = new EagerResult(id, Promise.resolve(outcome), Promise.resolve(at.before));
    const next = { root: at.root ?? id, parent: id };
    if (outcome.state === 'SUCCESS')
      for (const linked of link) await this.run(linked, [outcome.value], next);
    if (outcome.state === 'FAILURE')
      for (const errback of linkError) await this.run(errback, [{ ...from, error }], next);
    return { outcome, result, from, next };
  }

  /** A task that is not here fails by itself, as it does on a worker. */
  async #outcomeOf(
    { task, options }: TaskNode,
    args: readonly unknown[],
    at: Position,
  ): Promise<EagerOutcome> {
    try {
      const definition = this.#place.definition(task, args);
      return await runEagerly(task, definition, args, options, this.#place, at).outcome;
    } catch (error) {
      return { id: options.id ?? randomUUID(), task, state: 'FAILURE', error, at: Date.now() };
    }
  }

  async #runGroup(parts: readonly Node[], given: readonly unknown[], at: Position): Promise<Ended> {
    const group = randomUUID();
    const all = [...parts];
    const added = new Set<string>();
    // An attempt that is made again adds the same.
    const join = (name: string, part: Node): void => {
      if (!added.has(name)) all.push(part);
      added.add(name);
    };
    const place: Position = { ...at, group, join: at.followed ? join : undefined };
    const values: unknown[] = [];
    let failed: Ended | undefined;
    let last: Ended | undefined;
    // As on workers, the failure of one does not keep the others from running. Parts come while it goes on.
    for (let next = 0; next < all.length; next += 1) {
      const isGiven = next < parts.length;
      last = await this.run(all[next] as Node, isGiven ? given : [], place);
      if (last.outcome.state === 'FAILURE') failed ??= last;
      values.push(last.outcome.value);
    }
    const outcome = failed?.outcome ?? {
      id: group,
      state: 'SUCCESS',
      value: values,
      at: Date.now(),
    };
    return {
      outcome,
      result: new EagerResult(outcome.id, Promise.resolve(outcome), Promise.resolve(at.before)),
      from: failed?.from ?? { id: outcome.id },
      next: { root: at.root, parent: last?.next.parent ?? at.parent },
    };
  }

  async #runChain(parts: readonly Node[], given: readonly unknown[], at: Position): Promise<Ended> {
    let last: Ended | undefined;
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const { join, followed } = at;
      last = await this.run(part, last ? [last.outcome.value] : given, {
        ...at,
        ...last?.next,
        before: last?.result ?? at.before,
        followed: !isLast || followed === true,
        join: isLast ? join : undefined,
      });
      if (last.outcome.state === 'SUCCESS') continue;
      if (last.outcome.state === 'FAILURE' && part.kind === 'group')
        await this.#bodyFailed(parts.slice(index + 1), last, at);
      break;
    }
    return last ?? this.#runGroup([], given, at);
  }

  /** The body of a chord is not run; who waits for its failure hears of it, once. */
  async #bodyFailed(rest: readonly Node[], { outcome, from }: Ended, at: Position): Promise<void> {
    for (const body of bodyOf(rest))
      for (const next of body.linkError)
        await this.run(next, [{ ...from, error: outcome.error }], {
          root: at.root,
          parent: body.options.id,
        });
  }
}
