/** Draws a view: lines that fit a screen. */
import pc from 'picocolors';
import { oneLine } from '../printable.js';
import { layOut } from './columns.js';
import { rate } from './numbers.js';
import { type Section, sectionsOf } from './sections.js';
import { shareRows } from './share-rows.js';
import type { Snapshot } from './snapshot.js';
import { spark } from './spark.js';
import { cut, fitted, widthOf } from './text-width.js';
import type { View } from './view.js';

/** How large a screen is. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** From so many rows on there is an empty line between the parts. */
const roomy = 20;

/** The lines of a screen: never more than `rows`, none wider than `columns`. */
export function draw(view: View, { columns, rows }: Size): string[] {
  const top = heading(view, columns);
  const { snapshot } = view;
  if (!snapshot) return [...top, '', cut('looking ...', columns)].slice(0, rows);
  const gap = rows >= roomy ? 1 : 0;
  const sections = sectionsOf(view, snapshot);
  const last = footer(view, columns);
  const free = rows - top.length - gap - 1;
  const lines = [...top, ...(gap ? [''] : []), ...fit(sections, columns, free, gap)];
  const space = Array.from({ length: Math.max(0, rows - lines.length - 1) }, () => '');
  return [...lines, ...space]
    .slice(0, Math.max(0, rows - 1))
    .concat(last)
    .slice(-rows);
}

/** All of it, however long: for what is no screen. */
export function drawAll(view: View, columns: number): string[] {
  const { snapshot } = view;
  if (!snapshot) return heading(view, columns);
  const sections = sectionsOf(view, snapshot).flatMap((section) => [
    '',
    ...drawn(section, columns, Math.max(1, section.rows.length)),
  ]);
  return [...heading(view, columns), ...sections];
}

/** The parts in so many lines. */
function fit(sections: readonly Section[], columns: number, rows: number, gap: number): string[] {
  // A part takes its heading and one row at least; where there is not so much, the last have none.
  const shown = sections.slice(0, Math.max(1, Math.min(sections.length, Math.floor(rows / 2))));
  const needs = shown.map((section) => Math.max(1, section.rows.length));
  const shares = shareRows(needs, rows - shown.length - gap * (shown.length - 1));
  return shown.flatMap((section, index) => [
    ...(index > 0 && gap ? [''] : []),
    ...drawn(section, columns, shares[index] ?? 0),
  ]);
}

/** A part, with so many of its rows. */
function drawn(section: Section, width: number, most: number): string[] {
  const { title, columns, rows, empty, partial } = section;
  const shown = rows.slice(0, most);
  const all = partial === true || shown.length === rows.length;
  const first = {
    ...(columns[0] ?? { head: title }),
    head: all ? title : `${title} ${shown.length}/${rows.length}`,
  };
  const cells = shown.map((row) => row.cells);
  const [head, ...lines] = layOut([first, ...columns.slice(1)], cells, width);
  if (rows.length === 0)
    return [pc.bold(cut(title, width)), ...(most > 0 ? [pc.dim(cut(empty, width))] : [])];
  return [pc.bold(head), ...lines.map((line, index) => shown[index]?.colour?.(line) ?? line)];
}

/** What stands above: which app, how it does, what is wrong. */
function heading(view: View, columns: number): string[] {
  const { snapshot, trouble } = view;
  const lines = [titleLine(view, columns)];
  if (trouble !== undefined) {
    const age = snapshot ? `this is of ${clock(snapshot.at)}: ` : '';
    lines.push(pc.red(cut(`${age}${oneLine(trouble)}`, columns)));
  }
  if (snapshot) lines.push(rateLine(view, snapshot, columns));
  return lines;
}

function titleLine({ snapshot, paused }: View, columns: number): string {
  const name = 'dtask top';
  if (!snapshot) return pc.bold(cut(name, columns));
  const state = `${paused ? 'PAUSED ' : ''}${clock(snapshot.at)}`;
  const { workers } = snapshot;
  const live = workers.filter(({ silent }) => silent === undefined);
  const facts = [
    live.length === 1 ? '1 worker' : `${live.length} workers`,
    `${sumOf(live, 'running')} of ${sumOf(live, 'size')} busy`,
    oneLine(snapshot.broker),
  ].join('  ');
  const room = columns - widthOf(name) - widthOf(state) - 4;
  if (room < 8) return pc.bold(cut(name, columns));
  return `${pc.bold(name)}  ${fitted(facts, room)}  ${paused ? pc.yellow(state) : state}`;
}

const sumOf = <K extends string>(rows: readonly Readonly<Record<K, number>>[], key: K): number =>
  rows.reduce((sum, row) => sum + row[key], 0);

function rateLine({ history }: View, { rates }: Snapshot, columns: number): string {
  const parts = [
    { text: `succeeded ${rate(rates?.succeeded)}/s`, colour: pc.green },
    { text: `failed ${rate(rates?.failed)}/s`, colour: rates?.failed ? pc.red : undefined },
    { text: `retried ${rate(rates?.retried)}/s`, colour: rates?.retried ? pc.yellow : undefined },
  ].map(({ text, colour }) => ({ text: text.padEnd(18), colour }));
  const plain = parts.map(({ text }) => text).join('');
  if (widthOf(plain) > columns) return cut(plain.replaceAll(/ {2,}/g, ' ').trim(), columns);
  const line = parts.map(({ text, colour }) => colour?.(text) ?? text).join('');
  const most = Math.max(0, ...history);
  const peak = ` most ${rate(most)}/s`;
  const room = columns - widthOf(plain) - widthOf(peak);
  if (history.length < 2 || room < 5) return line.trimEnd();
  return `${line}${pc.cyan(spark(history, room))}${pc.dim(peak)}`;
}

function footer({ sort, paused, queue, snapshot }: View, columns: number): string {
  const keys = [
    'q quit',
    `s sort: ${sort}`,
    paused ? 'p go on' : 'p pause',
    ...(snapshot && snapshot.queues.length > 0
      ? [`1-9 queue: ${queue === undefined ? 'all' : `${oneLine(queue)}, 0 all`}`]
      : []),
  ];
  return pc.dim(cut(keys.join('   '), columns));
}

/** The time in this machine's zone. */
const clock = (date: Date): string => date.toTimeString().slice(0, 8);
