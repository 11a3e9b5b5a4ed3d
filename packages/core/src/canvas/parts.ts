/** What the functions are given that make canvases: parts one by one, or one list of them. */
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { CanvasLike } from './tree.js';

/**
 * Reads the parts of a canvas.
 *
 * @param given all arguments: canvases, or one array, Set, generator or other iterable of them
 * @param what the function, for errors: `chain()`
 * @throws ConfigError which names the part that is none
 */
export function partsOf(given: readonly unknown[], what: string): CanvasLike[] {
  const [first] = given;
  const parts = given.length === 1 && !isCanvas(first) ? listed(first, what) : given;
  // Holes are parts too: they are refused.
  return Array.from(parts, (part, at) => checked(part, what, at));
}

/** One part that has no list around it. */
export const partOf = (given: unknown, what: string): CanvasLike => checked(given, what);

function listed(given: unknown, what: string): readonly unknown[] {
  if (typeof given === 'object' && given !== null) {
    if (Symbol.iterator in given) return [...(given as Iterable<unknown>)];
    if (Symbol.asyncIterator in given)
      throw new ConfigError(
        `${what} cannot wait for an async generator; collect its parts first${what === 'group()' || what === 'chord()' ? `, or send them as they come: app.${what.slice(0, -2)}(generator)` : ''}`,
      );
  }
  if (isTask(given)) throw notPart(given, what, 0);
  throw new ConfigError(`${what} takes signatures, or one list of them, got ${show(given)}`);
}

function checked(part: unknown, what: string, at?: number): CanvasLike {
  if (isCanvas(part)) return part;
  throw notPart(part, what, at);
}

function notPart(part: unknown, what: string, at: number | undefined): ConfigError {
  const got = isTask(part) ? `the task ${part.name}; write ${part.name}.s()` : show(part);
  const which = at === undefined ? '' : `: part ${at + 1} is another thing`;
  return new ConfigError(`${what} takes signatures, such as add.s(1)${which}, got ${got}`);
}

/** Not by its class: a canvas may be one of a second copy of dtask. Its tree is not looked at yet. */
const isCanvas = (value: unknown): value is CanvasLike =>
  typeof value === 'object' && value !== null && 'node' in value && 'sender' in value;

const isTask = (value: unknown): value is { readonly name: string } =>
  typeof value === 'function' && 's' in value;
