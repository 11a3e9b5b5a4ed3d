/** Where a walk through a value stands, so that only an error pays for `args[0].owner`. */

import type { HandleMaker } from './handle.js';

/** One step down: an index, a key, or a place in a Map or a Set. */
export type Step = number | string | Place;

/** A place that no key names, printed as `<map key 2>`. */
export interface Place {
  readonly kind: 'map key' | 'map value' | 'set item';
  readonly index: number;
}

/** The containers that are open, outermost first, and the step taken in each. */
export interface Trail {
  /** What the root is called, such as `args`. */
  readonly root: string;
  /** How many containers may be open at once. */
  readonly limit: number;
  readonly open: object[];
  /** Undefined while a container is open, but none of its places is looked at. */
  readonly steps: (Step | undefined)[];
  /** Makes handles of what is read; absent where no App is at hand. */
  readonly handles: HandleMaker | undefined;
  /** How many are open: entries beyond it are left from closed ones. */
  depth: number;
}

/** How deep arrays, objects, Maps, Sets and errors may be nested: well below the stack's end. */
export const maxDepth = 500;

/** A longer path is cut in its middle: both ends help a reader, 500 steps do not. */
const maxPath = 300;

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** A trail that stands at the root. */
export function startTrail(root: string, limit: number = maxDepth, handles?: HandleMaker): Trail {
  return { root, limit, open: [], steps: [], handles, depth: 0 };
}

/** The path as a user would write it, `args[0].owner["first name"]`, down to the given depth. */
export function formatPath(trail: Trail, depth: number = trail.depth): string {
  const path = trail.root + trail.steps.slice(0, depth).map(formatStep).join('');
  return path.length <= maxPath ? path : `${path.slice(0, 150)}…${path.slice(-100)}`;
}

function formatStep(step: Step | undefined): string {
  if (step === undefined) return '';
  if (typeof step === 'number') return `[${step}]`;
  if (typeof step === 'object') return `<${step.kind} ${step.index}>`;
  return identifier.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}
