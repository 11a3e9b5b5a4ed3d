/** What a canvas is made of, before it is sent: no ids yet, and arguments as they were given. */
import { ConfigError } from '../errors.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { encodeArgs, encodeOptions, type Step, type TaskStep } from '../protocol/step.js';

/** One call of a task. */
export interface TaskNode {
  readonly kind: 'task';
  readonly task: string;
  readonly args: readonly unknown[];
  readonly immutable: boolean;
  readonly options: CallSettings;
  readonly link: readonly Node[];
  readonly linkError: readonly Node[];
}

/** Nodes one after another. */
export interface ChainNode {
  readonly kind: 'chain';
  readonly parts: readonly Node[];
}

/** Nodes at the same time. */
export interface GroupNode {
  readonly kind: 'group';
  readonly parts: readonly Node[];
}

export type Node = TaskNode | ChainNode | GroupNode;

/** What holds a tree: any canvas. */
export interface CanvasLike {
  /** @internal */
  readonly node: Node;
}

/** The tree of one call. */
export function taskNode(
  task: string,
  args: readonly unknown[],
  options: CallSettings = {},
  immutable = false,
): TaskNode {
  return { kind: 'task', task, args, immutable, options, link: noNodes, linkError: noNodes };
}

/** Most tasks have nothing linked to them. */
const noNodes: readonly Node[] = Object.freeze([]);

/**
 * A chain whose chains are laid out in it. One part is that part.
 *
 * @throws ConfigError where a group of nothing would swallow a value
 */
export function chainOf(parts: readonly Node[]): Node {
  const flat = parts.flatMap((part) => (part.kind === 'chain' ? part.parts : [part]));
  if (flat.some((part, at) => at > 0 && part.kind === 'group' && part.parts.length === 0))
    throw new ConfigError(
      'a group of nothing stands behind another step of a chain, whose value nobody would get; leave it out where it has no parts',
    );
  return flat.length === 1 && flat[0] ? flat[0] : { kind: 'chain', parts: flat };
}

/** A group whose groups are laid out in it. */
export function groupOf(parts: readonly Node[]): GroupNode {
  return {
    kind: 'group',
    parts: parts.flatMap((part) => (part.kind === 'group' ? part.parts : [part])),
  };
}

/** Changes every task of a node, but not those that are linked to it. */
export function mapTasks(node: Node, change: (task: TaskNode) => TaskNode): Node {
  if (node.kind === 'task') return change(node);
  return { ...node, parts: node.parts.map((part) => mapTasks(part, change)) };
}

/** Changes every task of a node, and those that are linked to it. */
export function mapAll(node: Node, change: (task: TaskNode) => TaskNode): Node {
  return mapTasks(node, (task) => {
    const { kind, task: name, args, immutable, options, link, linkError } = change(task);
    return {
      kind,
      task: name,
      args,
      immutable,
      options,
      link: link.length === 0 ? link : link.map((linked) => mapAll(linked, change)),
      linkError:
        linkError.length === 0 ? linkError : linkError.map((linked) => mapAll(linked, change)),
    };
  });
}

/** Changes the tasks that a node begins with. */
export function mapFirst(node: Node, change: (task: TaskNode) => TaskNode): Node {
  if (node.kind === 'task') return change(node);
  const parts = node.parts.map((part, at) =>
    node.kind === 'group' || at === 0 ? mapFirst(part, change) : part,
  );
  return { ...node, parts };
}

/** Changes the tasks that a node ends with. */
export function mapLast(node: Node, change: (task: TaskNode) => TaskNode): Node {
  if (node.kind === 'task') return change(node);
  const last = node.parts.length - 1;
  const parts = node.parts.map((part, at) =>
    node.kind === 'group' || at === last ? mapLast(part, change) : part,
  );
  return { ...node, parts };
}

/** How many tasks a node ends with. */
export function countLast(node: Node): number {
  if (node.kind === 'task') return 1;
  if (node.kind === 'group') return node.parts.reduce((sum, part) => sum + countLast(part), 0);
  const last = node.parts.at(-1);
  return last ? countLast(last) : 0;
}

/** Puts headers onto every task of a node, and onto those that are linked to it. */
export const withHeaders = (
  node: Node,
  headers:
    | Readonly<Record<string, unknown>>
    | ((call: TaskNode) => Readonly<Record<string, unknown>>),
): Node =>
  mapAll(node, (task) => {
    const own = typeof headers === 'function' ? headers(task) : headers;
    return { ...task, options: { ...task.options, headers: { ...task.options.headers, ...own } } };
  });

/**
 * Gives a node call options: `headers` to every task, `id` to the last, for it is that of the whole,
 * the others to those that it begins with.
 *
 * @throws ConfigError when it ends with a group, of which no task is the last
 */
export function withOptions(node: Node, { headers, id, ...rest }: CallSettings): Node {
  let changed = headers === undefined ? node : withHeaders(node, headers);
  if (id !== undefined) {
    const last = countLast(node);
    changed = mapLast(changed, (task) => ({ ...task, options: { ...task.options, id } }));
    if (last !== 1) {
      throw new ConfigError(
        `the id ${id} is for one task, and this canvas ends with ${last}; give ids to its parts`,
      );
    }
  }
  if (Object.keys(rest).length === 0) return changed;
  return mapFirst(changed, (task) => ({ ...task, options: { ...task.options, ...rest } }));
}

/** Gives every task and group of a node its id. */
export function freeze(node: Node, newId: () => string): Step {
  switch (node.kind) {
    case 'task':
      return freezeTask(node, newId);
    case 'group':
      return { group: node.parts.map((part) => freeze(part, newId)), id: newId() };
    case 'chain': {
      const chain = node.parts.map((part) => freeze(part, newId));
      return { chain, id: chain.at(-1)?.id ?? newId() };
    }
  }
}

function freezeTask(node: TaskNode, newId: () => string): TaskStep {
  const { task, args, immutable, options, link, linkError } = node;
  const { id = newId(), ...rest } = options;
  return {
    task,
    id,
    ...(options.id !== undefined && { named: true }),
    ...(args.length > 0 && { args: encodeArgs(args) }),
    ...(immutable && { immutable }),
    ...(Object.keys(rest).length > 0 && { options: encodeOptions(rest) }),
    ...(link.length > 0 && { link: link.map((linked) => freeze(linked, newId)) }),
    ...(linkError.length > 0 && { linkError: linkError.map((linked) => freeze(linked, newId)) }),
  };
}

/** The tasks that a group is followed by: its body, which may be a group with a body of its own. */
export function bodyOf(rest: readonly Node[]): TaskNode[] {
  const tasks: TaskNode[] = [];
  const collect = (task: TaskNode): TaskNode => {
    tasks.push(task);
    return task;
  };
  for (const [at, node] of rest.entries()) {
    mapFirst(node, collect);
    if (node.kind !== 'group' || at === rest.length - 1) break;
  }
  return tasks;
}
