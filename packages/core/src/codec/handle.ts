/** Handles on tasks that run elsewhere, among the values that travel: each goes as its id. */
import { inspect } from 'node:util';

/** What a handle is known by: the id of a task, or that of a group with those of its parts. */
export type HandleForm = string | { readonly id: string; readonly parts: readonly HandleForm[] };

/** Makes a handle where there is an App whose results it asks for. */
export type HandleMaker = (form: HandleForm) => unknown;

/** By this every handle says what it is known by, of this copy of dtask or another. */
export const handleForm: unique symbol = Symbol.for('dtask.handle') as never;

/** What can travel as its id. */
export interface Handle {
  /** @throws EncodeError where the id is not known yet */
  readonly [handleForm]: HandleForm;
}

export const isHandle = (value: object): value is Handle => handleForm in value;

/** A handle that was read where no App is at hand: it has an id, and travels on. */
export class ReadHandle implements Handle {
  readonly #form: HandleForm;

  constructor(form: HandleForm) {
    this.#form = form;
  }

  get id(): string {
    return typeof this.#form === 'string' ? this.#form : this.#form.id;
  }

  get [handleForm](): HandleForm {
    return this.#form;
  }

  toJSON(): HandleForm {
    return this.#form;
  }

  [inspect.custom](): string {
    return `AsyncResult(${this.id})`;
  }
}

/** Whether parsed JSON is what a handle is known by. */
export function isForm(payload: unknown): payload is HandleForm {
  if (typeof payload === 'string') return payload !== '';
  if (typeof payload !== 'object' || payload === null) return false;
  const { id, parts } = payload as { id?: unknown; parts?: unknown };
  return typeof id === 'string' && id !== '' && Array.isArray(parts) && parts.every(isForm);
}
