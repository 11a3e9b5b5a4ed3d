/** A worker or a caller in a process of its own, asked over IPC. */
// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Longest that an answer may take, in milliseconds. */
const patience = 120_000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/** Ends a child with the bench, however that ends. */
export function track(/** @type {import('node:child_process').ChildProcess} */ child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => process.exit(1));
}

/** One process that plays a role. */
export class RoleProcess {
  #child;
  #name;
  #last = 0;
  #leaving = false;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #open = new Map();

  /**
   * @param {string} name file in `roles/`, without its ending
   * @param {{ url: string, shards?: string, prefix?: string, expires?: string, execArgv?: string[] }} place
   */
  constructor(name, { url, shards = '', prefix = 'bench', expires = '1d', execArgv = [] }) {
    const file = fileURLToPath(new URL(`roles/${name}.mjs`, import.meta.url));
    const env = {
      ...process.env,
      BENCH_REDIS: url,
      DTASK_SHARDS: shards,
      BENCH_PREFIX: prefix,
      BENCH_EXPIRES: expires,
    };
    this.#name = name;
    this.#child = fork(file, { env, execArgv });
    track(this.#child);
    this.#child.on('message', (/** @type {any} */ { id, value, error }) => {
      const asked = this.#open.get(id);
      this.#open.delete(id);
      if (error === undefined) asked?.resolve(value);
      else asked?.reject(new Error(`${name}: ${error}`));
    });
    this.#child.on('exit', (code, signal) => {
      if (this.#leaving) return;
      for (const { reject } of this.#open.values())
        reject(new Error(`${name} ended by itself (${signal ?? code})`));
    });
  }

  /**
   * Runs a command there.
   *
   * @param {string} command
   * @param {...unknown} args
   * @returns {Promise<any>}
   */
  ask(command, ...args) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const late = () =>
        reject(new Error(`${this.#name} did not finish ${command} within ${patience / 1_000} s`));
      const timer = setTimeout(late, patience);
      const ended = (/** @type {(given: any) => void} */ settle) => (/** @type {any} */ given) => {
        clearTimeout(timer);
        settle(given);
      };
      this.#open.set(id, { resolve: ended(resolve), reject: ended(reject) });
      this.#child.send({ id, name: command, args });
    });
  }

  /** Ends it in the middle of whatever it does. */
  async kill() {
    this.#leaving = true;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** Lets it close its connections, and waits until it is gone. */
  async stop() {
    await this.ask('stop');
    this.#leaving = true;
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}
