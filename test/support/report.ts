/** Prints what a test measured, so that a run's log shows the numbers and not only that they were in bounds. */

/** Prints one line, past the test runner's capture of `console`. */
export function report(what: string, figures: Readonly<Record<string, number | string>>): void {
  const parts = Object.entries(figures).map(([name, value]) => `${name} ${format(value)}`);
  process.stdout.write(`[measured] ${what}: ${parts.join(', ')}\n`);
}

const format = (value: number | string): string =>
  typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(1) : String(value);
