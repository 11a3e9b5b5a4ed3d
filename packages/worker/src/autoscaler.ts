/** Fits the number of tasks at a time to the work that there is. */
import type { Slots } from './slots.js';

/** How often it looks, in milliseconds. */
const interval = 500;
/** How long there must be less to do before it scales down, in milliseconds, as in Celery. */
const patience = 30_000;

/** Between how many. */
export interface Scale {
  readonly max: number;
  readonly min: number;
}

/** Scales up while tasks wait for room, and down after 30 s in which fewer were running. */
export class Autoscaler {
  readonly #slots: Slots;
  readonly #resize: (size: number) => void;
  readonly #timer: NodeJS.Timeout;
  #scale: Scale | undefined;
  /** The most that ran since `#since`. */
  #most = 0;
  #since = performance.now();

  constructor(slots: Slots, resize: (size: number) => void) {
    this.#slots = slots;
    this.#resize = resize;
    this.#timer = setInterval(() => this.#look(), interval).unref();
  }

  /** Scales between these from now on. */
  fit(scale: Scale): void {
    this.#scale = scale;
    const { size } = this.#slots;
    const fit = Math.min(scale.max, Math.max(scale.min, size));
    if (fit !== size) this.#resize(fit);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { size, taken, contended } = this.#slots;
    if (!this.#scale) return undefined;
    const { max, min } = this.#scale;
    this.#most = Math.max(this.#most, taken);
    if (contended && size < max) {
      this.#rest();
      return this.#resize(Math.min(max, Math.max(size + 1, Math.ceil(size * 1.5))));
    }
    if (performance.now() - this.#since < patience) return undefined;
    const enough = Math.max(min, this.#most);
    this.#rest();
    if (enough < size) this.#resize(enough);
    return undefined;
  }

  #rest(): void {
    this.#most = this.#slots.taken;
    this.#since = performance.now();
  }
}
