/** What is on the screen: what is known, and how somebody wants to see it. */
import type { Snapshot } from './snapshot.js';

/** What rows stand in order of. */
export const sorts = ['name', 'busy', 'rate'] as const;
export type Sort = (typeof sorts)[number];

/** The state of the screen. */
export interface View {
  /** Absent until the first look has ended. */
  readonly snapshot?: Snapshot;
  /** Ends a second at the last looks, the latest last. */
  readonly history: readonly number[];
  readonly sort: Sort;
  /** The queue whose tasks are shown alone. */
  readonly queue?: string;
  readonly paused: boolean;
  /** What keeps it from knowing more, such as Redis that does not answer. */
  readonly trouble?: string;
}

/** How a screen begins. */
export const firstView: View = { history: [], sort: 'name', paused: false };

/** How much history is kept: the widest line. */
const longest = 120;

/** Takes what a look has found. */
export function withSnapshot({ trouble: _gone, ...view }: View, snapshot: Snapshot): View {
  const { rates } = snapshot;
  const history = rates
    ? [...view.history, rates.succeeded + rates.failed].slice(-longest)
    : view.history;
  return { ...view, snapshot, history };
}

/** What a key does. */
export type Action = 'quit' | 'stop' | 'sort' | 'pause' | { readonly queue: number };

/** What was typed; nothing where it means nothing. Several keys may come at once. */
export function actionsOf(typed: string): Action[] {
  // What arrows and the like send begins with an escape, and is no typing.
  if (typed.startsWith('\u001b')) return [];
  return Array.from(typed).flatMap((key) => {
    const action = actions[key.toLowerCase()];
    if (action) return [action];
    return /\d/.test(key) ? [{ queue: Number(key) }] : [];
  });
}

const actions: Readonly<Record<string, Action>> = {
  q: 'quit',
  '\u0003': 'quit',
  '\u001a': 'stop',
  s: 'sort',
  p: 'pause',
  ' ': 'pause',
};

/** The view after a key. */
export function afterAction(view: View, action: Exclude<Action, 'quit' | 'stop'>): View {
  if (action === 'pause') return { ...view, paused: !view.paused };
  if (action === 'sort') {
    const next = sorts[(sorts.indexOf(view.sort) + 1) % sorts.length];
    return { ...view, sort: next ?? 'name' };
  }
  const { queue: _old, ...rest } = view;
  const chosen = view.snapshot?.queues[action.queue - 1]?.name;
  return chosen === undefined || chosen === view.queue ? rest : { ...rest, queue: chosen };
}
