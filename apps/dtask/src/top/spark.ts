/** A small line of history, one bar for each value. */

const bars = '▁▂▃▄▅▆▇█';

/** The last values as bars, against the greatest of them. */
export function spark(values: readonly number[], width: number): string {
  const shown = width < 1 ? [] : values.slice(-width);
  const most = Math.max(...shown, 0);
  return shown
    .map((value) => {
      const height = most === 0 ? 0 : Math.ceil((value / most) * bars.length);
      return bars[Math.max(0, height - 1)] ?? '';
    })
    .join('');
}
