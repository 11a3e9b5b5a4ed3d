/** A terminal that is drawn upon, and given back as it was. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { Size } from './draw.js';

const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l';
/** Terminals that know these show what is between them at once; others pass over them. */
const begin = '\u001b[?2026h';
const end = '\u001b[?2026l';
const clear = '\u001b[2J';
const erase = '\u001b[2K';

/** Draws on the other page of a terminal, without flicker: only lines that differ are written. */
export class Screen {
  readonly #out: WriteStream;
  readonly #in: ReadStream | undefined;
  readonly #onKeys: (typed: string) => void;
  #shown: readonly string[] | undefined;
  #open = false;

  /**
   * @param input where keys come from; it may be no terminal, so that there are none
   * @param onKeys gets what was typed
   */
  constructor(out: WriteStream, input: ReadStream, onKeys: (typed: string) => void) {
    this.#out = out;
    this.#in = input.isTTY ? input : undefined;
    this.#onKeys = onKeys;
  }

  get size(): Size {
    // A terminal that knows of no size says 0.
    return { columns: this.#out.columns || 80, rows: this.#out.rows || 24 };
  }

  /** Takes the terminal. */
  enter(): void {
    if (this.#open) return;
    this.#open = true;
    this.#shown = undefined;
    this.#out.write(enter);
    this.#in?.setRawMode(true).setEncoding('utf8').on('data', this.#onKeys).resume();
  }

  /** Gives it back. Done twice, nothing happens the second time. */
  leave(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#out.write(leave);
    this.#in?.off('data', this.#onKeys).setRawMode(false).pause();
  }

  /** Forgets what is on it: it was resized, or somebody else has written there. */
  forget(): void {
    this.#shown = undefined;
  }

  /** Puts lines on it. Each is erased first: behind a full one, its last character would go. */
  show(lines: readonly string[]): void {
    if (!this.#open) return;
    const old = this.#shown;
    let text = old ? '' : clear;
    for (let row = 0; row < Math.max(lines.length, old?.length ?? 0); row += 1) {
      const line = lines[row] ?? '';
      if (old?.[row] !== line) text += `\u001b[${row + 1};1H${erase}${line}`;
    }
    this.#shown = lines;
    if (text !== '') this.#out.write(begin + text + end);
  }
}
