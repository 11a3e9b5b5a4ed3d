/** Prints numbers and tables for people. */
// @ts-check
import { median } from './numbers.mjs';

/**
 * A number with as many digits as mean something.
 *
 * @param {number} value
 */
export function digits(value) {
  if (!Number.isFinite(value)) return '-';
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}

/**
 * The median of some rounds, with the least and the most: `21,093 (20,100 - 22,004)`.
 *
 * @param {readonly number[]} rounds
 */
export function spread(rounds) {
  const middle = digits(median(rounds));
  if (rounds.length < 2 || middle === '-') return middle;
  return `${middle} (${digits(Math.min(...rounds))} - ${digits(Math.max(...rounds))})`;
}

/**
 * @typedef {object} Table
 * @property {string} title
 * @property {readonly string[]} columns
 * @property {readonly (readonly string[])[]} rows
 * @property {string} [note]
 */

/**
 * Lays a table out in columns, numbers to the right.
 *
 * @param {Table} table
 */
export function layOut({ title, columns, rows, note }) {
  const widths = columns.map((column, at) =>
    Math.max(column.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (/** @type {readonly string[]} */ cells) =>
    `  ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('   ')}`.trimEnd();
  const rule = `  ${widths.map((width) => '-'.repeat(width)).join('   ')}`;
  return [
    `  ${title}`,
    '',
    line(columns),
    rule,
    ...rows.map(line),
    ...(note ? ['', `  ${note}`] : []),
  ].join('\n');
}

/**
 * @typedef {object} Bar
 * @property {string} text what has to hold
 * @property {string} got
 * @property {boolean} met
 * @property {'count' | 'time'} kind what it rests on: counts are the same on every machine
 * @property {{ what: string, ratio: number }} [compared] how many times as fast as plain BullMQ, for the chart
 */

/** @param {Bar} bar */
export const barLine = ({ text, got, met }) => `  ${met ? 'met   ' : 'MISSED'}  ${text}: ${got}`;
