/** Runs a beat in this process, from start to exit. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Beat } from '@dtask/worker';
import { beatBanner } from '../banner.js';
import { expectExit, refuseExit } from '../early-exit.js';
import { exitCodes } from '../exit-codes.js';
import { findApp, loadTasks } from '../find-app.js';
import { sayError } from '../say-error.js';
import { type Stoppable, StopSignals } from './stop-signals.js';

/** What to run. */
export interface BeatOrders {
  /** What `-A` names. */
  readonly app: string;
  readonly logLevel: string;
}

/** Longest that the App's own connections may take to close, and the log to be written, in milliseconds. */
const lastWait = 200;

/** Does not return: the process ends with the beat. */
export async function runBeat({ app: spec, logLevel }: BeatOrders): Promise<never> {
  const stops = new BeatStops();
  new StopSignals(stops, true);
  try {
    // Ahead of the app: once TypeScript's loader is there, all that is loaded passes through it.
    const { Beat: Runner } = await import('@dtask/worker');
    const found = await findApp(spec);
    const { app, source } = found;
    await loadTasks(found);
    const beat = new Runner(app, { logLevel });
    console.error(beatBanner(beat, source.file));
    stops.guard(beat);
    refuseExit(
      (code) =>
        `the beat was not told to stop, and code of the app has ended its process with exit code ${code}, as process.exit() does`,
    );
    await beat.start();
    const code = await stops.exit;
    expectExit();
    await Promise.race([app.close(), pause(lastWait)]);
    beat.log.info('stopped');
    // What is written at exit would overtake what is being written.
    await Promise.race([new Promise((resolve) => beat.log.flush(resolve)), pause(lastWait)]);
    return process.exit(code);
  } catch (error) {
    sayError(error);
    expectExit();
    return process.exit(exitCodes.failed);
  }
}

/** Stops a beat as its process is told to. Until there is one, the process just ends. */
class BeatStops implements Stoppable {
  /** Resolves to the exit code when the beat has stopped. */
  readonly exit: Promise<number>;
  #beat: Beat | undefined;
  #onEnd: (code: number) => void = () => undefined;

  constructor() {
    this.exit = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  /** From now on this beat is stopped. */
  guard(beat: Beat): void {
    this.#beat = beat;
  }

  warm(): void {
    this.#end(exitCodes.stopped);
  }

  restart(): void {
    this.#end(exitCodes.restart);
  }

  #end(code: number): void {
    const beat = this.#beat;
    if (!beat) return process.exit(code);
    beat.log.info('stopping');
    return void beat.stop().then(
      () => this.#onEnd(code),
      (error: unknown) => {
        beat.log.error({ err: error }, 'not stopped in order');
        this.#onEnd(exitCodes.failed);
      },
    );
  }

  /** It has nothing to hand back: what it was about to send, another beat sends. */
  cold(): void {
    this.now();
  }

  now(): void {
    this.#beat?.log.flush();
    process.exit(exitCodes.failed);
  }

  report(): void {
    const beat = this.#beat;
    if (!beat) return;
    beat.log.info(
      { entries: beat.app.deck.entries.size },
      'the code has so many entries; dtask beat list shows them',
    );
  }
}
