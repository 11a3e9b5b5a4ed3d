/** The prototypes above an object: they tell a builtin from an instance of a class extending it. */

/**
 * How many prototypes a value has above it: 1 for `{}`, 2 for a Map, 3 for a class extending Map.
 *
 * Counted, not compared with `Map.prototype`, because a value may come from another realm (`vm`,
 * Jest), where the prototypes are other objects.
 */
export function lineage(value: object): number {
  let count = 0;
  let above = Object.getPrototypeOf(value) as object | null;
  while (above !== null) {
    count++;
    above = Object.getPrototypeOf(above) as object | null;
  }
  return count;
}

/** Whether objects of this prototype are plain: `{}` of any realm, or one that has no class. */
export function isPlain(prototype: object | null): boolean {
  if (prototype === null || prototype === Object.prototype) return true;
  if (Object.getPrototypeOf(prototype) !== null) return false;
  return Object.hasOwn(prototype, 'isPrototypeOf') || !('constructor' in prototype);
}
