/** Shares the rows of a screen among those who need some. */

/** Gives each as many as it needs, or as many as the others that do not get all. */
export function shareRows(needs: readonly number[], rows: number): number[] {
  const shares = needs.map(() => 0);
  let left = rows;
  while (left > 0) {
    const open = needs.flatMap((need, index) => ((shares[index] ?? 0) < need ? [index] : []));
    if (open.length === 0) break;
    const each = Math.max(1, Math.floor(left / open.length));
    for (const index of open) {
      const had = shares[index] ?? 0;
      const more = Math.min(each, left, (needs[index] ?? 0) - had);
      shares[index] = had + more;
      left -= more;
    }
  }
  return shares;
}
