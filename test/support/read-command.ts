/** Reads what a client asks of Redis, off the wire. */
const lineEnd = '\r\n';

/** Reads one request: an array of bulk strings. Gives nothing while it is not complete. */
export function readCommand(bytes: Buffer): { words: string[]; end: number } | undefined {
  const count = readLength(bytes, 0, '*');
  if (!count) return undefined;
  const words: string[] = [];
  let at = count.end;
  while (words.length < count.value) {
    const size = readLength(bytes, at, '$');
    if (!size) return undefined;
    const end = size.end + size.value;
    if (bytes.length < end + lineEnd.length) return undefined;
    words.push(bytes.toString('latin1', size.end, end));
    at = end + lineEnd.length;
  }
  return { words, end: at };
}

/** Reads a line of a mark and a number. */
function readLength(
  bytes: Buffer,
  at: number,
  mark: string,
): { value: number; end: number } | undefined {
  const end = bytes.indexOf(lineEnd, at);
  if (end < 0) return undefined;
  const line = bytes.toString('latin1', at, end);
  if (!line.startsWith(mark)) throw new Error(`not a request: ${mark} expected, got ${line}`);
  return { value: Number(line.slice(1)), end: end + lineEnd.length };
}
