/**
 * Tells when code changes. The system says only that something happened in a folder; what changed
 * is found by looking at all files again, which takes milliseconds and misses nothing: neither
 * folders that are new, nor files that an editor writes by renaming others.
 */
import { type FSWatcher, watch } from 'node:fs';
import { changedFiles, type CodeFiles, findCode } from './code-files.js';

/** How long it waits for more to happen, in milliseconds: editors and git write in several steps. */
const calm = 50;

/** Watches until it is closed. */
export class Watcher {
  readonly #roots = new Set<string>();
  readonly #watched = new Map<string, FSWatcher>();
  readonly #onChange: (files: readonly string[]) => void;
  readonly #onError: (error: unknown) => void;
  #seen: CodeFiles = { files: new Map(), folders: new Set() };
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  /**
   * @param onChange hears which files are new, different or gone
   * @param onError hears of folders that cannot be watched
   */
  constructor(onChange: (files: readonly string[]) => void, onError: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /** Watches these files and folders as well; resolves when it does. */
  async add(roots: Iterable<string>): Promise<void> {
    const before = this.#roots.size;
    for (const root of roots) this.#roots.add(root);
    if (this.#roots.size === before) return;
    // What is seen of them for the first time has not changed.
    await this.#queue(async () => {
      this.#seen = await this.#look();
    });
  }

  /** Ends it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  #queue(work: () => Promise<void>): Promise<void> {
    this.#looking = this.#looking.then(work).catch(this.#onError);
    return this.#looking;
  }

  /** Watches folders before their files are read: nothing can change unseen in between. */
  async #look(): Promise<CodeFiles> {
    let found = await findCode(this.#roots);
    while (this.#follow(found)) found = await findCode(this.#roots);
    return found;
  }

  /** Watches what is to be watched now; gives whether there was anything new. */
  #follow({ files, folders }: CodeFiles): boolean {
    const wanted = new Set(folders);
    for (const root of this.#roots) if (files.has(root)) wanted.add(root);
    for (const [place, watcher] of this.#watched) {
      if (wanted.has(place)) continue;
      watcher.close();
      this.#watched.delete(place);
    }
    const fresh = [...wanted].filter((place) => !this.#watched.has(place));
    return fresh.filter((place) => this.#watch(place)).length > 0;
  }

  #watch(place: string): boolean {
    if (this.#closed) return false;
    let watcher: FSWatcher;
    try {
      watcher = watch(place, () => this.#stir());
    } catch (error) {
      // It may be gone again.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#onError(error);
      return false;
    }
    this.#watched.set(place, watcher);
    // A folder that is removed, on some systems.
    watcher.on('error', () => {
      watcher.close();
      if (this.#watched.get(place) === watcher) this.#watched.delete(place);
      this.#stir();
    });
    return true;
  }

  #stir(): void {
    clearTimeout(this.#timer);
    if (!this.#closed)
      this.#timer = setTimeout(() => void this.#queue(() => this.#compare()), calm);
  }

  async #compare(): Promise<void> {
    const found = await this.#look();
    const changed = changedFiles(this.#seen, found);
    this.#seen = found;
    if (changed.length > 0 && !this.#closed) this.#onChange(changed);
  }
}
