/** Names of tasks, as a route gives them: one name, a glob, or a regular expression. */
import { fitsGlob } from '../glob.js';

/** A test of names. A regular expression may match anywhere in one, as it does elsewhere. */
export function matcher(pattern: string | RegExp): (name: string) => boolean {
  if (typeof pattern === 'string') return (name) => fitsGlob(pattern, name);
  // Of its own, without memory: one with the flag `g` goes on where it ended.
  const expression = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  return (name) => expression.test(name);
}
