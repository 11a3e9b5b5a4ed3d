/** Keeps the last lines of what a process prints, so that a failure can be told in the process's own words. */
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

const KEPT_CHARACTERS = 8_192;

export class Tail {
  private text = '';

  /** Follows a stream without keeping this process alive for it. */
  follow(stream: Readable | null | undefined): void {
    // Where the system could not start the process, for want of descriptors, there is none.
    if (!stream) return;
    stream.setEncoding('utf8').on('data', (chunk) => {
      this.text = (this.text + String(chunk)).slice(-KEPT_CHARACTERS);
    });
    // A pipe that breaks because its writer was killed is no error of ours.
    stream.on('error', () => undefined);
    if (stream instanceof Socket) stream.unref();
  }

  /** The last `count` lines that are not blank. */
  lines(count: number): string {
    return this.text
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .slice(-count)
      .join('\n');
  }

  /** The last lines set off for the end of an error's message; empty when nothing was printed. */
  quote(): string {
    const lines = this.lines(10);
    return lines === '' ? '' : `\n--- it printed:\n${lines}\n---`;
  }
}
