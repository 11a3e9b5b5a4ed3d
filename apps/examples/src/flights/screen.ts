/** What the demo shows: lines that stay, and on a terminal one live line below them. */
import { styleText } from 'node:util';

/** The styles in use. */
export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

const isTerminal = process.stdout.isTTY === true;
const colours = isTerminal && !process.env['NO_COLOR'];
const began = performance.now();

/** Colours a text where the output is a terminal that wants it. */
export const paint = (style: Style, text: string): string =>
  colours ? styleText(style, text) : text;

/** Milliseconds as seconds, such as `6.2 s`. */
export const seconds = (span: number): string => `${(span / 1_000).toFixed(1)} s`;

/** Milliseconds since the demo started. */
export const elapsed = (): number => performance.now() - began;

/** Prints lines, and keeps the live one last. */
export class Screen {
  /** Whether there is a live line: only on a terminal. */
  readonly isLive = isTerminal;
  #line = '';
  #shownAt = 0;

  /** Prints text that stays. */
  print(text: string): void {
    this.#clear();
    console.log(text);
    this.#show();
  }

  /** Prints what just happened, with the time. */
  event(what: string, text: string, style: Style = 'dim'): void {
    this.print(
      `${paint('dim', seconds(elapsed()).padStart(8))}  ${paint(style, what.padEnd(9))} ${text}`,
    );
  }

  /** Sets the live line, ten times a second at most. */
  live(line: () => string): void {
    if (!isTerminal || performance.now() - this.#shownAt < 100) return;
    this.#shownAt = performance.now();
    this.#clear();
    this.#line = line();
    this.#show();
  }

  /** Takes the live line away. */
  end(): void {
    this.#clear();
    this.#line = '';
  }

  #clear(): void {
    if (this.#line !== '') process.stdout.write('\r\u001B[2K');
  }

  #show(): void {
    if (this.#line !== '') process.stdout.write(this.#line);
  }
}

/** A bar that is full at 1. */
export function bar(share: number, width: number): string {
  const full = Math.round(share * width);
  return paint('cyan', '█'.repeat(full)) + paint('dim', '░'.repeat(width - full));
}
