/** Numbers as `dtask top` shows them: short, and of a width that stays. */

/** A count: `812`, `98765`, `1.2M`. */
export function count(value: number): string {
  if (value < 100_000) return String(value);
  if (value < 1_000_000) return `${Math.floor(value / 1_000)}k`;
  return value < 1_000_000_000 ? `${tenths(value / 1e6)}M` : `${tenths(value / 1e9)}G`;
}

const tenths = (value: number): string => (Math.floor(value * 10) / 10).toFixed(1);

/** A rate; a dash where none is known yet. */
export function rate(value: number | undefined): string {
  if (value === undefined) return '-';
  return value < 100 ? value.toFixed(1) : count(Math.round(value));
}

/** A span of time, in seconds: `4s`, `2m05s`, `3h12m`, `9d04h`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}s`;
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(whole / unit)) as [
    number,
    number,
    number,
  ];
  if (hours < 1) return `${minutes}m${two(whole % 60)}s`;
  return days < 1 ? `${hours}h${two(minutes % 60)}m` : `${days}d${two(hours % 24)}h`;
}

const two = (value: number): string => String(value).padStart(2, '0');
