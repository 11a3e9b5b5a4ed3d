/** Names of tasks, as a route gives them: one name, a glob, or a regular expression. */

/** Whether a text stands for more than itself. */
export const isGlob = (text: string): boolean => /[*?]/.test(text);

/** Makes a glob a test of whole names: `*` is any run of characters, dots too, `?` is any one. */
export function globToRegExp(glob: string): RegExp {
  const source = glob.replace(/[\\^$.|+()[\]{}]/g, String.raw`\$&`);
  return new RegExp(`^${source.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
}

/** A test of names. A regular expression may match anywhere in one, as it does elsewhere. */
export function matcher(pattern: string | RegExp): (name: string) => boolean {
  if (typeof pattern === 'string' && !isGlob(pattern)) return (name) => name === pattern;
  // Of its own, without memory: one with the flag `g` goes on where it ended.
  const expression =
    typeof pattern === 'string'
      ? globToRegExp(pattern)
      : new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  return (name) => expression.test(name);
}
