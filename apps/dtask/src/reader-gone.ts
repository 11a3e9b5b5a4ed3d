/** What becomes of a command when nobody reads any more what it prints. */
import process from 'node:process';
import { exitCodes } from './exit-codes.js';
import { sayError } from './say-error.js';

/** What writing says when the other end of a pipe is closed, and when a terminal is gone. */
const gone: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO']);

/** Ends the process quietly when its reader has gone, as in `dtask events | head -1`. */
export function endWithReader(): void {
  process.stdout.on('error', onError);
}

/** Takes that back: a worker has tasks to see to, whoever reads its log. */
export function outliveReader(): void {
  process.stdout.off('error', onError);
}

function onError(error: NodeJS.ErrnoException): void {
  if (gone.has(error.code)) process.exit();
  sayError(error);
  process.exit(exitCodes.failed);
}
