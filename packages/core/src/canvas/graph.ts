/** A canvas as a graph: what runs, and what comes before what. */
import type { Node } from './tree.js';

/** The graph of a canvas. */
export interface CanvasGraph {
  /** Its tasks; `key` is its place in the canvas. */
  readonly nodes: readonly { readonly key: number; readonly task: string }[];
  /** What a task waits for, what is started by its value, and what by its failure. */
  readonly edges: readonly {
    readonly from: number;
    readonly to: number;
    readonly kind: 'next' | 'link' | 'error';
  }[];
}

/** Draws a tree. */
export function graphOf(node: Node): CanvasGraph {
  const nodes: { key: number; task: string }[] = [];
  const edges: { from: number; to: number; kind: 'next' | 'link' | 'error' }[] = [];
  const draw = (
    part: Node,
    before: readonly number[],
    kind: 'next' | 'link' | 'error' = 'next',
  ): readonly number[] => {
    if (part.kind === 'group') {
      // An empty group passes on what it gets.
      return part.parts.length === 0
        ? before
        : part.parts.flatMap((one) => draw(one, before, kind));
    }
    if (part.kind === 'chain') {
      const [first, ...rest] = part.parts;
      if (!first) return before;
      return rest.reduce<readonly number[]>(
        (last, one) => draw(one, last),
        draw(first, before, kind),
      );
    }
    const key = nodes.length;
    nodes.push({ key, task: part.task });
    for (const from of before) edges.push({ from, to: key, kind });
    for (const linked of part.link) draw(linked, [key], 'link');
    for (const linked of part.linkError) draw(linked, [key], 'error');
    return [key];
  };
  draw(node, []);
  return { nodes, edges };
}

const arrows = { next: '-->', link: '-. value .->', error: '-. failure .->' } as const;

/** Writes a graph as the text of a Mermaid flowchart. */
export function mermaidOf({ nodes, edges }: CanvasGraph): string {
  const quoted = (text: string): string => `"${text.replaceAll('"', '#quot;')}"`;
  const lines = [
    ...nodes.map(({ key, task }) => `  t${key}[${quoted(task)}]`),
    ...edges.map(({ from, to, kind }) => `  t${from} ${arrows[kind]} t${to}`),
  ];
  return ['flowchart LR', ...lines].join('\n');
}
