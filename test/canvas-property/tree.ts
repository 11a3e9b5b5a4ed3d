/** Canvases at random, as data: what the property runs on workers and by the reference. */
import fc from 'fast-check';

/** What flows through a canvas. */
export type Value = number | readonly Value[];

/** A canvas to be built. */
export type Tree =
  /** Takes nothing from the step before. */
  | { readonly kind: 'give'; readonly n: number }
  | { readonly kind: 'add' }
  | { readonly kind: 'list'; readonly n: number }
  | { readonly kind: 'sum' }
  /** Adds one, on its second run. */
  | { readonly kind: 'retry' }
  | { readonly kind: 'fail'; readonly n: number }
  /** A task that has another canvas do its work. */
  | { readonly kind: 'replace'; readonly by: Tree }
  | { readonly kind: 'chain' | 'group'; readonly parts: readonly Tree[] }
  | { readonly kind: 'chord'; readonly parts: readonly Tree[]; readonly body: Tree };

const deepest = 5;
const widest = 8;

const member = fc.oneof(
  weighted(16, fc.constant<Tree>({ kind: 'add' })),
  weighted(12, fc.constant<Tree>({ kind: 'sum' })),
  weighted(
    8,
    fc.nat(4).map((n): Tree => ({ kind: 'list', n })),
  ),
  weighted(
    6,
    fc.nat(9).map((n): Tree => ({ kind: 'give', n })),
  ),
  weighted(4, fc.constant<Tree>({ kind: 'retry' })),
  weighted(
    1,
    fc.nat(99).map((n): Tree => ({ kind: 'fail', n })),
  ),
);

/** Trees of all kinds, down to a single task; each has a part at least, for a group of none is refused behind a step. */
export const { tree } = fc.letrec<{ tree: Tree }>((tie) => {
  const some = fc.array(tie('tree'), { minLength: 1, maxLength: widest });
  return {
    tree: fc.oneof(
      { maxDepth: deepest, withCrossShrink: true },
      weighted(3, member),
      weighted(
        3,
        some.map((parts): Tree => ({ kind: 'chain', parts })),
      ),
      weighted(
        3,
        some.map((parts): Tree => ({ kind: 'group', parts })),
      ),
      weighted(
        2,
        fc.tuple(some, tie('tree')).map(([parts, body]): Tree => ({ kind: 'chord', parts, body })),
      ),
      weighted(
        1,
        tie('tree').map((by): Tree => ({ kind: 'replace', by })),
      ),
    ),
  };
});

function weighted(weight: number, arbitrary: fc.Arbitrary<Tree>): fc.WeightedArbitrary<Tree> {
  return { weight, arbitrary };
}

/** Whether there is a task in it that has another canvas do its work. */
export function replaces(shape: Tree): boolean {
  if (shape.kind === 'replace') return true;
  if (!('parts' in shape)) return false;
  return shape.parts.some(replaces) || ('body' in shape && replaces(shape.body));
}
