/** Lays out tables of text. */
import { stripVTControlCharacters } from 'node:util';
import { paint } from './screen.js';

/** Columns under headings: the first `left` columns flush left, the others flush right. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  left = 1,
): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => width(row[column] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column < left)).join('  ')}`.trimEnd();
  return [paint('bold', line(headings)), ...rows.map(line)].join('\n');
}

const width = (text: string): number => stripVTControlCharacters(text).length;

function pad(text: string, to: number, left: boolean): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return left ? text + space : space + text;
}
