/** Globs, as routes, filters and destinations take them. */

/** Whether a text stands for more than itself. */
export const isGlob = (text: string): boolean => /[*?]/.test(text);

/**
 * Whether a whole text fits a glob: `*` is any run of characters, dots too, `?` is any one. Not by a
 * RegExp, which a glob with many stars would keep busy for ever.
 */
export function fitsGlob(pattern: string, given: string): boolean {
  // A character may be two units long.
  const [glob, text] = [Array.from(pattern), Array.from(given)];
  let [at, from] = [0, 0];
  // Where the last star was, and how far what it stands for goes.
  let [star, covered] = [-1, 0];
  while (from < text.length) {
    if (glob[at] === '*') {
      [star, covered] = [at, from];
      at += 1;
    } else if (glob[at] === '?' || glob[at] === text[from]) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      covered += 1;
      [at, from] = [star + 1, covered];
    } else {
      return false;
    }
  }
  return glob.slice(at).every((rest) => rest === '*');
}
