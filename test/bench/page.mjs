/** The page of the documentation that shows what a run of the bench found. */
// @ts-check
import { digits } from './text.mjs';

/** A bar of the chart beyond this would leave the others too short to be read. */
const tallest = 12;

/** @typedef {import('./bench.mjs').Found} Found */
/** @typedef {{ server: string, node: string, cores: number, load: number, short: boolean, scenarios: readonly Found[] }} Run */

/**
 * The page, in Markdown.
 *
 * @param {Run} run
 */
export function page({ server, node, cores, load, short, scenarios }) {
  const form = short ? ' -- --short' : '';
  return `${[
    '# Benchmarks',
    `What \`npm run bench${form}\` printed: dtask and plain BullMQ in turns on one Redis, all on one machine (${server}, Node ${node}, ${cores} cores, load ${load.toFixed(1)} at the start). Callers, workers and Redis share the cores, so the ratios mean more than the figures. This page is written by \`npm run bench -- --page docs/benchmarks.md\`; what the bars are for is in [internals](internals.md#what-it-costs).`,
    ...chart(scenarios),
    ...scenarios.flatMap(section),
  ].join('\n\n')}\n`;
}

/** @param {readonly Found[]} scenarios */
function chart(scenarios) {
  const compared = scenarios.flatMap(({ bars }) => bars.flatMap((bar) => bar.compared ?? []));
  if (compared.length === 0) return [];
  const drawn = compared.filter(({ ratio }) => ratio <= tallest);
  const beyond = compared.filter(({ ratio }) => ratio > tallest);
  const top = Math.ceil(Math.max(1, ...drawn.map(({ ratio }) => ratio)) * 2) / 2;
  return [
    '## Times as fast as plain BullMQ',
    [
      '```mermaid',
      'xychart-beta horizontal',
      `  x-axis [${drawn.map(({ what }) => `"${what}"`).join(', ')}]`,
      `  y-axis "times plain BullMQ" 0 --> ${top}`,
      `  bar [${drawn.map(({ ratio }) => ratio.toFixed(2)).join(', ')}]`,
      '```',
    ].join('\n'),
    ...(beyond.length > 0
      ? [
          `Too tall to be drawn: ${beyond.map(({ what, ratio }) => `${what}, ${digits(ratio)} times`).join('; ')}.`,
        ]
      : []),
  ];
}

/** @param {Found} found */
function section({ name, title, tables, bars }) {
  return [
    `## ${name}: ${title}`,
    ...tables.flatMap(({ title: of, columns, rows, note }) => [
      of,
      ...(rows.length > 0
        ? [
            [columns, columns.map((_, at) => (at === 0 ? '---' : '---:')), ...rows]
              .map(row)
              .join('\n'),
          ]
        : []),
      ...(note === undefined ? [] : [note]),
    ]),
    ...(bars.length > 0
      ? [
          bars
            .map(({ text, got, met }) => `- ${met ? 'met' : '**missed**'}: ${text}: ${got}`)
            .join('\n'),
        ]
      : []),
  ];
}

/** @param {readonly string[]} cells */
const row = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
