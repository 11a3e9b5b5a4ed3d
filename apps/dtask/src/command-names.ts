/** Control commands as they are typed: `add-consumer`, `add_consumer` and `addConsumer` are one. */
import { table } from './print.js';

/** A name as it is typed, from the one in code. */
export const typed = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The name in code of one that was typed; nothing where there is none. */
export function named(word: string, names: Iterable<string>): string | undefined {
  const plain = (text: string): string => text.replaceAll(/[-_]/g, '').toLowerCase();
  for (const name of names) if (plain(name) === plain(word)) return name;
  return undefined;
}

/** The commands and what they are for. */
export const listed = (commands: Readonly<Record<string, string>>): string =>
  table(
    ['COMMAND', 'WHAT IT IS FOR'],
    Object.entries(commands).map(([name, doc]) => [typed(name), doc]),
    'left',
  );
