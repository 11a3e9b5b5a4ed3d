/** Lays rows out in columns that fit a width. */
import { fitted, widthOf } from './text-width.js';

/** A column. */
export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
  /** It may be cut down to so many places. Else it has what it needs, or is left out. */
  readonly least?: number;
  /** It has so many places at least, so that it stays where it is while numbers grow. */
  readonly steady?: number;
  /** Where all do not fit, the highest is left out first; without one never. */
  readonly spare?: number;
}

const gap = 2;

/**
 * Lays rows out: the heads, then a line for each row. None is wider than `width`; what is too long
 * is cut, and columns that have no room are left out.
 */
export function layOut(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): [head: string, ...lines: string[]] {
  const wanted = columns.map(({ head, steady = 0 }, index) =>
    Math.max(widthOf(head), steady, ...rows.map((row) => widthOf(row[index] ?? ''))),
  );
  const widths = widthsOf(columns, wanted, width);
  const line = (cells: readonly string[]): string =>
    columns
      .flatMap(({ align }, index) => {
        const places = widths[index] ?? 0;
        return places === 0 ? [] : [fitted(cells[index] ?? '', places, align)];
      })
      .join(' '.repeat(gap))
      .trimEnd();
  return [line(columns.map(({ head }) => head)), ...rows.map(line)];
}

/** How wide each is; 0 where it is left out. */
function widthsOf(columns: readonly Column[], wanted: readonly number[], width: number): number[] {
  const widths = [...wanted];
  for (;;) {
    const shown = columns.map((_, index) => index).filter((index) => (widths[index] ?? 0) > 0);
    const sum = shown.reduce((total, index) => total + (widths[index] ?? 0) + gap, -gap);
    shrink(columns, widths, shown, sum - width);
    const least = shown.reduce((total, index) => total + (widths[index] ?? 0) + gap, -gap);
    if (least <= width) return widths;
    const spare = mostSpare(columns, shown);
    if (spare === undefined) return squeezed(widths, shown, width);
    // What was cut for it has its room again.
    for (const index of shown) widths[index] = index === spare ? 0 : (wanted[index] ?? 0);
  }
}

/** Takes places from the widest of those that may be cut. */
function shrink(
  columns: readonly Column[],
  widths: number[],
  shown: readonly number[],
  excess: number,
): void {
  for (let over = excess; over > 0; over -= 1) {
    let widest: number | undefined;
    for (const index of shown) {
      const own = widths[index] ?? 0;
      const { least } = columns[index] ?? {};
      if (least === undefined || own <= least) continue;
      if (widest === undefined || own > (widths[widest] ?? 0)) widest = index;
    }
    if (widest === undefined) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function mostSpare(columns: readonly Column[], shown: readonly number[]): number | undefined {
  return shown
    .filter((index) => columns[index]?.spare !== undefined)
    .toSorted((one, other) => (columns[other]?.spare ?? 0) - (columns[one]?.spare ?? 0))[0];
}

/** A screen too narrow even for what is never left out: the first have what there is. */
function squeezed(widths: readonly number[], shown: readonly number[], width: number): number[] {
  const result = widths.map(() => 0);
  let left = width;
  for (const index of shown) {
    result[index] = Math.max(0, Math.min(widths[index] ?? 0, left));
    left -= (result[index] ?? 0) + gap;
  }
  return result;
}
