/** Sizes printed for a person. */

/** Prints a number of bytes: `812 B`, `1.5 KiB`, `20.0 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const mebi = 1024 * 1024;
  return bytes < mebi ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / mebi).toFixed(1)} MiB`;
}
