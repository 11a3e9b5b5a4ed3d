/** Ids that follow one another, as those of a canvas do: many of them in a few bytes. Pure. */
import { randomUUID } from 'node:crypto';

/** The first of some ids in a row, and how many there are. */
export type IdRun = readonly [first: string, count: number];

/** An id as a number behind a text: the last eight digits of a UUID, or what follows the last `~` or `-`. */
interface Counted {
  readonly stem: string;
  /** Not a number where the id has none. */
  readonly number: number;
  readonly isUuid: boolean;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** How many values the last eight digits have. */
const values = 0x1_0000_0000;
/** Ids between two that are taken into a run with them: that of a group, or of a callback. */
const widestGap = 3;

/** Draws the ids of one canvas: a random UUID, and those that follow it. */
export function idSeries(): () => string {
  const first = countedIn(randomUUID());
  let drawn = 0;
  return () => nth(first, drawn++);
}

/** Gathers ids into runs. A run may hold a few ids that nobody has. */
export class IdRuns {
  readonly #runs: (readonly [string, number])[];
  #last: { readonly first: Counted; count: number } | undefined;

  constructor(runs: readonly IdRun[] = []) {
    this.#runs = runs.slice(0, -1);
    const [id, count] = runs.at(-1) ?? [];
    if (id !== undefined && count !== undefined) this.#last = { first: countedIn(id), count };
  }

  add(id: string): void {
    const last = this.#last;
    const distance = last && distanceOf(last.first, id);
    if (last && distance !== undefined && distance - last.count <= widestGap) {
      last.count = Math.max(last.count, distance + 1);
      return;
    }
    if (last) this.#runs.push(runOf(last));
    this.#last = { first: countedIn(id), count: 1 };
  }

  /** How many runs there are. */
  get length(): number {
    return this.#runs.length + (this.#last ? 1 : 0);
  }

  /** What there is so far. */
  get runs(): readonly IdRun[] {
    return this.#last ? [...this.#runs, runOf(this.#last)] : [];
  }
}

/** The ids of runs, in order. */
export function idsIn(runs: readonly IdRun[]): string[] {
  return runs.flatMap(([first, count]) => {
    if (count === 1) return [first];
    const counted = countedIn(first);
    return Array.from({ length: count }, (_, at) => nth(counted, at));
  });
}

const runOf = ({ first, count }: { first: Counted; count: number }): IdRun => [
  nth(first, 0),
  count,
];

function countedIn(id: string): Counted {
  if (uuid.test(id))
    return { stem: id.slice(0, -8), number: parseInt(id.slice(-8), 16), isUuid: true };
  const [, stem, digits] = /^(.*[~-])(0|[1-9]\d{0,8})$/s.exec(id) ?? [];
  if (stem !== undefined) return { stem, number: Number(digits), isUuid: false };
  return { stem: id, number: Number.NaN, isUuid: false };
}

function nth({ stem, number, isUuid }: Counted, at: number): string {
  if (isUuid) return stem + ((number + at) % values).toString(16).padStart(8, '0');
  return Number.isNaN(number) ? stem : `${stem}${number + at}`;
}

/** How far an id comes behind another; nothing where they are not of one row. */
function distanceOf(from: Counted, id: string): number | undefined {
  if (from.isUuid) {
    if (id.length !== 36 || !id.startsWith(from.stem)) return undefined;
    const number = Number(`0x${id.slice(-8)}`);
    return Number.isNaN(number) ? undefined : (number - from.number + values) % values;
  }
  const to = countedIn(id);
  const distance = to.stem === from.stem && !to.isUuid ? to.number - from.number : -1;
  return distance >= 0 ? distance : undefined;
}
