/** The reference: what a canvas gives, computed here and now, in the order in which it is written. */
import type { Tree, Value } from './tree.js';

/** How a canvas ends: with a value, or with one of these failures. */
export type Expected = { readonly value: Value } | { readonly failures: readonly string[] };

/** What the tasks do. Lists keep their shape, so that a value in the wrong place shows. */
export const members = {
  give: (_value: Value, n: number): Value => n,
  add: (value: Value): Value => plusOne(value),
  retry: (value: Value): Value => plusOne(value),
  sum: (value: Value): Value => total(value),
  list: (value: Value, n: number): Value => Array.from({ length: n }, (_, at) => total(value) + at),
};

/** How many numbers a list may hold: what grows at each step would not end. */
const mostNumbers = 64;

function plusOne(value: Value): Value {
  if (typeof value === 'number') return value + 1;
  return numbersIn(value) > mostNumbers ? total(value) + 1 : value.map(plusOne);
}

function numbersIn(value: Value): number {
  if (typeof value === 'number') return 1;
  return value.reduce<number>((count, one) => count + numbersIn(one), 0);
}

function total(value: Value): number {
  return typeof value === 'number'
    ? value
    : value.reduce<number>((sum, one) => sum + total(one), 0);
}

/** Runs a tree on a value. */
export function expected(tree: Tree, given: Value): Expected {
  switch (tree.kind) {
    case 'chain':
      return tree.parts.reduce<Expected>(
        (end, part) => ('value' in end ? expected(part, end.value) : end),
        { value: given },
      );
    case 'group':
      return gathered(tree.parts, given);
    case 'chord': {
      const header = gathered(tree.parts, given);
      return 'value' in header ? expected(tree.body, header.value) : header;
    }
    case 'replace':
      return expected(tree.by, given);
    case 'fail':
      return { failures: [messageOf(tree.n)] };
    default:
      return { value: members[tree.kind](given, 'n' in tree ? tree.n : 0) };
  }
}

/** Each part gets the same. Groups in a group are laid out in it. */
function gathered(parts: readonly Tree[], given: Value): Expected {
  const ends = parts.map((part) => ({ part, end: expected(part, given) }));
  const failures = ends.flatMap(({ end }) => ('failures' in end ? end.failures : []));
  if (failures.length > 0) return { failures };
  const value = ends.flatMap(({ part, end }) => {
    const one = (end as { value: Value }).value;
    return isGroup(part) ? (one as readonly Value[]) : [one];
  });
  return { value };
}

/** A chain of one part is that part. */
function isGroup(tree: Tree): boolean {
  if (tree.kind === 'group') return true;
  const [only, ...more] = tree.kind === 'chain' ? tree.parts : [];
  return only !== undefined && more.length === 0 && isGroup(only);
}

/** What a failing member says. */
export const messageOf = (n: number): string => `member ${n} failed`;
