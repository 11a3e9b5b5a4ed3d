/** A folder outside of the repository, in which the packed packages are installed as from the registry. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { removeFolder } from '../support/remove-folder.js';
import { cleanEnvironment } from './environment.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Where the published packages are in the repository, and where they are once installed. */
const homes = {
  'packages/core': '@dtask/core',
  'packages/worker': '@dtask/worker',
  'packages/embedded': '@dtask/embedded',
  'apps/dtask': 'dtask',
} as const;

/** What a project in TypeScript installs besides. */
const typings = ['@types/node', 'undici-types'];

/** The part of a lock file's entry that matters here. */
interface Locked {
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly version: string;
}

/** Projects of users, in folders below one that has dtask installed. */
export class Installed implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Packs and installs. */
  static async prepare(): Promise<Installed> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dtask-user-')));
    const installed = new Installed(folder);
    try {
      installed.#install(installed.#pack());
    } catch (error) {
      await installed[Symbol.asyncDispose]();
      throw error;
    }
    return installed;
  }

  /** Writes a project's files; gives its folder. */
  project(name: string, files: Readonly<Record<string, string>>): string {
    const home = join(this.folder, name);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(home, file)), { recursive: true });
      writeFileSync(join(home, file), text);
    }
    return home;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeFolder(this.folder);
  }

  /** The tarballs that would be published, by the name of their package. */
  #pack(): Record<string, string> {
    const tarballs = Object.entries(homes).map(([home, name]) => {
      // The build is there already; its scripts are not what is tested.
      const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', this.folder];
      const [report] = Object.values(
        JSON.parse(npm(args, join(root, home))) as { filename: string }[],
      );
      if (!report) throw new Error(`npm pack of ${name} gave no tarball`);
      return [name, `file:${basename(report.filename)}`];
    });
    return Object.fromEntries(tarballs) as Record<string, string>;
  }

  /** With the versions that the repository has locked, which are in npm's cache since `npm ci`. */
  #install(tarballs: Record<string, string>): void {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, Locked>;
    };
    const types = packages['node_modules/@types/node']?.version ?? '*';
    const manifest = { private: true, dependencies: { ...tarballs, '@types/node': types } };
    const lock = { lockfileVersion: 3, requires: true, packages: { '': {}, ...moved(packages) } };
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(this.folder, 'package-lock.json'), JSON.stringify(lock));
    npm(
      ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'],
      this.folder,
    );
  }
}

/** The locked dependencies of the published packages, at the places where a user has them. */
function moved(packages: Readonly<Record<string, Locked>>): Record<string, Locked> {
  const kept = Object.entries(packages).flatMap(
    ([place, { dev, ...entry }]): [string, Locked][] => {
      const [home, name] = place.split(/\/?node_modules\/(.*)/, 2) as [string, string | undefined];
      if (name === undefined || entry.link || (dev && !typings.includes(name))) return [];
      if (home === '') return [[place, entry]];
      return home in homes
        ? [[`node_modules/${homes[home as keyof typeof homes]}/node_modules/${name}`, entry]]
        : [];
    },
  );
  return Object.fromEntries(kept);
}

function npm(args: readonly string[], cwd: string): string {
  const done = spawnSync('npm', args, { cwd, encoding: 'utf8', env: cleanEnvironment() });
  if (done.status === 0) return done.stdout;
  throw new Error(`npm ${args.join(' ')} failed in ${cwd}:\n${done.stdout}${done.stderr}`, {
    cause: done.error,
  });
}
