/** CPU profiles, of a worker and of each of its children: what takes their time. */
import { mkdir, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { StartupError } from '@dtask/core';
import type { WorkerLog } from '../log.js';

/** A profile that is being taken. It costs the process some 5 % of its time, and memory as it grows. */
export class Profile {
  readonly #session = new Session();
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /**
   * Starts to take one.
   *
   * @param folder to write it to, which is made where there is none
   * @param name of the worker
   * @throws StartupError when the folder cannot be made
   */
  static async start(folder: string, name: string): Promise<Profile> {
    try {
      await mkdir(folder, { recursive: true });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StartupError(`no profile can be written to ${folder}: ${why}`, { cause });
    }
    const who = `${name.replaceAll(/[^\w.@-]/g, '-')}-${process.pid}`;
    const thread = threadId === 0 ? '' : `-${threadId}`;
    const at = new Date().toISOString().replaceAll(/[:.]/g, '-');
    const profile = new Profile(join(folder, `dtask-${who}${thread}-${at}.cpuprofile`));
    await profile.#begin();
    return profile;
  }

  async #begin(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.start');
  }

  /** Writes it; gives the file. */
  async stop(): Promise<string> {
    const { profile } = await this.#session.post('Profiler.stop');
    this.#session.disconnect();
    await writeFile(this.#file, JSON.stringify(profile));
    return this.#file;
  }
}

/** Ends a profile, and says where it is; that it cannot be written ends nothing else. */
export async function writeProfile(profile: Profile, log: WorkerLog): Promise<void> {
  try {
    const file = await profile.stop();
    log.info({ file }, `the CPU profile is in ${file}`);
  } catch (error) {
    log.error({ err: error }, 'the CPU profile was not written');
  }
}
