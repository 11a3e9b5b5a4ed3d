/** The files of an app that is being written, as they are at one moment. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Files and folders below some roots. */
export interface CodeFiles {
  /** For each file what tells one state of it from another. */
  readonly files: ReadonlyMap<string, string>;
  readonly folders: ReadonlySet<string>;
}

/** What Node loads, or the app's own modules read. */
const code = /\.([mc]?[jt]s|[jt]sx|json|node|wasm)$/;
/** What tools write, and what others wrote. Folders that begin with a dot are left out as well. */
const foreign: ReadonlySet<string> = new Set(['node_modules', 'dist', 'coverage']);

/**
 * Looks at all files with code below the roots. A root that is itself a file counts whatever its
 * name; one that is not there, has none.
 */
export async function findCode(roots: Iterable<string>): Promise<CodeFiles> {
  const found = { files: new Map<string, string>(), folders: new Set<string>() };
  await Promise.all([...roots].map((root) => visit(root, found)));
  return found;
}

interface Found {
  readonly files: Map<string, string>;
  readonly folders: Set<string>;
}

async function visit(root: string, found: Found): Promise<void> {
  const state = await stat(root).catch(ifGone);
  if (state?.isDirectory()) await visitFolder(root, found);
  else if (state) await visitFile(root, found);
}

async function visitFolder(folder: string, found: Found): Promise<void> {
  if (found.folders.has(folder)) return;
  found.folders.add(folder);
  const entries: Dirent[] = (await readdir(folder, { withFileTypes: true }).catch(ifGone)) ?? [];
  await Promise.all(
    entries.map(async (entry) => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!isForeign(entry.name)) await visitFolder(file, found);
      } else if (code.test(entry.name) && !entry.name.startsWith('.')) {
        await visitFile(file, found);
      }
    }),
  );
}

const isForeign = (name: string): boolean => name.startsWith('.') || foreign.has(name);

async function visitFile(file: string, { files }: Found): Promise<void> {
  const state = await stat(file).catch(ifGone);
  // An editor that writes a file anew gives it another inode.
  if (state?.isFile()) files.set(file, `${state.ino} ${state.mtimeMs} ${state.size}`);
}

/** Files come and go while they are looked at; what cannot be read cannot be loaded either. */
function ifGone(error: NodeJS.ErrnoException): undefined {
  if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP'].includes(error.code ?? ''))
    return undefined;
  throw error;
}

/** The files that are new, different or gone, in order. */
export function changedFiles(before: CodeFiles, after: CodeFiles): string[] {
  const all = new Set([...before.files.keys(), ...after.files.keys()]);
  return [...all].filter((file) => before.files.get(file) !== after.files.get(file)).sort();
}
