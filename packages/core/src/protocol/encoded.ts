/** A value that is JSON text already. */
import { decode } from '../codec/index.js';

/** What a task returned in another process, or what was packed for one. */
export class Encoded {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The value itself. */
  decoded(): unknown {
    return decode(JSON.parse(this.text), 'result');
  }
}
