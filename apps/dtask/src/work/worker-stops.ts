/** Stops a worker as its process is told to. */
import { type Beat, describeSnapshot, type Worker } from '@dtask/worker';
import { expectExit, refuseExit } from '../early-exit.js';
import { exitCodes } from '../exit-codes.js';
import type { Stoppable } from './stop-signals.js';

/** Until there is a worker, nothing runs, and the process just ends. */
export class WorkerStops implements Stoppable {
  /** Resolves to the exit code when the worker has stopped; rejected with why it stopped by itself. */
  readonly exit: Promise<number>;
  #code: number = exitCodes.stopped;
  #worker: Worker | undefined;
  #beat: Beat | undefined;
  #onEnd: (worker: Worker) => void = () => undefined;

  constructor() {
    this.exit = new Promise((resolve, reject) => {
      this.#onEnd = (worker) => {
        const { failure } = worker;
        if (failure === undefined) resolve(this.#code);
        else
          reject(
            failure instanceof Error
              ? failure
              : new Error('the worker stopped by itself', { cause: failure }),
          );
      };
    });
    // It may be asked for later.
    this.exit.catch(() => undefined);
  }

  /** From now on this worker is stopped, and the beat in its process. */
  guard(worker: Worker, beat?: Beat): void {
    this.#worker = worker;
    this.#beat = beat;
    refuseExit((code) => unasked(worker, code));
    // Also by remote control.
    void worker.ended.then(() => this.#onEnd(worker));
  }

  warm(): void {
    this.#end(exitCodes.stopped);
  }

  restart(): void {
    this.#end(exitCodes.restart);
  }

  #end(code: number): void {
    const worker = this.#worker;
    if (!worker) return process.exit(code);
    this.#code = code;
    worker.log.info(farewell(worker.running, code === exitCodes.restart));
    return this.#stop(worker, false);
  }

  cold(): void {
    this.#worker?.log.warn('stopping at once: running tasks go back to their queues');
    this.fail();
  }

  /** As `cold`; why has been said. */
  fail(): void {
    const worker = this.#worker;
    if (!worker) return process.exit(exitCodes.failed);
    this.#code = exitCodes.failed;
    return this.#stop(worker, true);
  }

  #stop(worker: Worker, force: boolean): void {
    // Told first: it sends nothing that would come behind the worker's end.
    this.#beat
      ?.stop()
      .catch((error: unknown) => worker.log.warn({ err: error }, 'beat not stopped in order'));
    worker.stop({ force }).catch((error: unknown) => {
      this.#code = exitCodes.failed;
      worker.log.error({ err: error }, 'not stopped in order');
    });
  }

  now(): void {
    void leave(this.#worker, exitCodes.failed);
  }

  report(): void {
    const worker = this.#worker;
    if (!worker) return;
    const snapshot = worker.snapshot();
    const now = worker.app.queues.shards.main.clock.now();
    worker.log.info(process.stdout.isTTY ? {} : { ...snapshot }, describeSnapshot(snapshot, now));
  }
}

function farewell(running: number, restarts: boolean): string {
  const head = restarts ? 'stopping, for a new process to start' : 'stopping';
  if (running === 0) return head;
  const tasks = running === 1 ? '1 running task has ended' : `${running} running tasks have ended`;
  return `${head} when ${tasks}; a ${restarts ? 'SIGQUIT' : 'second signal'} hands back what runs`;
}

/** What is said of a worker whose process was ended by the app's code. */
function unasked(worker: Worker, code: number): string {
  const running = worker.snapshot().running.filter(({ pool }) => pool === 'inline');
  const tasks = running.map(({ task, id }) => `${task}[${id}]`).join(', ');
  const rest = tasks === '' ? '' : `; what ran in it is recovered as after a crash: ${tasks}`;
  return `the worker was not told to stop, and code of the app has ended its process with exit code ${code}, as process.exit() does${rest}`;
}

/** Ends the process, and with it the worker's children. */
export async function leave(worker: Worker | undefined, code: number): Promise<never> {
  expectExit();
  worker?.log.flush();
  // A thread that native code holds cannot be ended, and would keep `process.exit` waiting.
  if (worker && !(await worker.endChildren())) process.kill(process.pid, 'SIGKILL');
  // What the app's own modules hold open, a timer or a pool, must not keep a stopped worker.
  process.exit(code);
}
