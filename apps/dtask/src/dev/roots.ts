/** Where the code of an app is. */
import path from 'node:path';
import type { Facts } from '../fleet/line.js';

/** The folder of the app's module, and those of its `include` patterns. */
export function rootsOf({ file, include }: Pick<Facts, 'file' | 'include'>): string[] {
  const folder = path.dirname(file);
  const roots = include.map((pattern) => rootOf(pattern, folder));
  return withoutNested([folder, ...roots]);
}

/** A folder's own name is no pattern, whatever is in it. */
function rootOf(pattern: string, folder: string): string {
  const inside = pattern.startsWith(`${folder}/`);
  return path.resolve(folder, fixedPart(inside ? pattern.slice(folder.length + 1) : pattern));
}

/** What stands before the first part with a wildcard; of a plain path, its folder. */
function fixedPart(pattern: string): string {
  const parts = pattern.split('/');
  const wild = parts.findIndex((part) => /[*?[\]{}()!]/.test(part));
  return parts.slice(0, wild < 0 ? -1 : wild).join('/') || '.';
}

/** Folders inside of others are watched with them, unless they are left out there. */
function withoutNested(folders: readonly string[]): string[] {
  const all = [...new Set(folders)];
  return all.filter((folder) => !all.some((other) => covers(other, folder)));
}

function covers(other: string, folder: string): boolean {
  const between = path.relative(other, folder);
  if (between === '' || path.isAbsolute(between)) return false;
  return between.split(path.sep).every((part) => !part.startsWith('.') && part !== 'dist');
}
