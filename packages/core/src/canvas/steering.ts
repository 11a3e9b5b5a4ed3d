/** What a task throws to be replaced by a canvas. */
import { DtaskError } from '../errors.js';
import type { Node } from './tree.js';

/** Thrown by `currentTask().replace(canvas)`: the end of the canvas is the end of the task. */
export class Replace extends DtaskError {
  static override readonly name: string = 'Replace';
  static override readonly code = 'REPLACE';
  /** @internal */
  declare readonly node: Node;

  /** @internal */
  constructor(node: Node) {
    super('the task is replaced by a canvas');
    Object.defineProperty(this, 'node', { value: node });
  }
}
