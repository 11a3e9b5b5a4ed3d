/** How commands print: tables for people, JSON for programs. */
import Table from 'cli-table3';
import pc from 'picocolors';

/** Prints a value as JSON where it was asked for, else by `forPeople`. */
export function print(json: boolean | undefined, value: unknown, forPeople: () => string): void {
  console.log(json ? JSON.stringify(value, plain, 2) : forPeople());
}

/**
 * Lays rows out in columns under headings.
 *
 * @param align of all but the first column, which stands on the left
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  align: 'left' | 'right' = 'right',
): string {
  const chars = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((part) => [part, '']),
  );
  const laid = new Table({
    head: headings.map((heading) => pc.bold(heading)),
    chars: { ...chars, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: headings.map((_, index) => (index === 0 ? 'left' : align)),
  });
  laid.push(...rows.map((row) => [...row]));
  return laid.toString();
}

/** Values that JSON has no form for. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>);
  if (value instanceof Set) return [...(value as Set<unknown>)];
  if (value instanceof Error) return { name: value.name, message: value.message };
  return value;
}
