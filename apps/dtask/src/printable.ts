/** Text that others have written, made safe for a terminal. */
import { inspect } from 'node:util';

/**
 * What others have put into a job must not steer the terminal, nor turn the direction of writing.
 * Lines and tabs stay.
 */
export const printable = (text: string): string =>
  text
    .replaceAll(/\p{Bidi_Control}/gu, '')
    .replaceAll(/[^\P{Cc}\n\t]/gu, (control) => inspect(control).slice(1, -1));

/** The same in one line. */
export const oneLine = (text: string): string => printable(text.replaceAll(/\s+/gu, ' ')).trim();
