/** Fits the number of tasks at a time to the work that there is. */
import type { Slots } from './slots.js';

/** How often it looks, in milliseconds. */
const interval = 500;
/** After so many looks with less to do it scales down: 30 s, as in Celery. */
const patience = 60;

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
  /** How many could run when it last looked. */
  #size = 0;
  /** How many ran at each of the last looks since that has changed. */
  #ran: number[] = [];

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
    if (contended && size < max)
      return this.#resize(Math.min(max, Math.max(size + 1, Math.ceil(size * 1.5))));
    if (size !== this.#size) this.#ran = [];
    this.#size = size;
    this.#ran.push(taken);
    if (this.#ran.length > patience) this.#ran.shift();
    const enough = Math.max(min, ...this.#ran);
    if (this.#ran.length === patience && enough < size) this.#resize(enough);
    return undefined;
  }
}
