/** Text that others have written, made safe for a terminal. */
import { inspect } from 'node:util';

/** What others have put into a job must not steer the terminal. Lines and tabs stay. */
export const printable = (text: string): string =>
  text.replaceAll(/[^\P{Cc}\n\t]/gu, (control) => inspect(control).slice(1, -1));

/** The same in one line, with nothing that turns the direction of writing. */
export const oneLine = (text: string): string =>
  printable(
    text
      .replaceAll(/\s+/gu, ' ')
      .replaceAll(/\p{Bidi_Control}/gu, '')
      .trim(),
  );
