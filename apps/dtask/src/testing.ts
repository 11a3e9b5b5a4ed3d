/** Helpers for tests: an App on an engine of its own, with a worker in the process. */
import { App, type AppOptions } from '@dtask/core';
import { type Embedded, startEmbedded } from '@dtask/embedded';
import { Worker, type WorkerOptions } from '@dtask/worker';

/** An engine for tests that keeps nothing on disk. */
export function testEngine(): Promise<Embedded> {
  return startEmbedded({ dir: false });
}

/**
 * Starts a worker for an App in this process, silent unless `logLevel` says otherwise.
 *
 * @example
 * ```ts
 * await using worker = await testWorker(app);
 * ```
 */
export async function testWorker(app: App, options: WorkerOptions = {}): Promise<Worker> {
  const worker = new Worker(app, { logLevel: 'silent', ...options });
  await worker.start();
  return worker;
}

/** An App under test, with all that it runs on. */
export interface TestApp extends AsyncDisposable {
  readonly app: App;
  readonly engine: Embedded;
  readonly worker: Worker;
  /** Ends the worker, the App and the engine. */
  stop(): Promise<void>;
}

/**
 * Starts an engine, an App on it and a worker for the App's tasks.
 *
 * @param options of the App: `tasks` and `include` give it tasks
 * @example
 * ```ts
 * await using t = await testApp({ tasks: [add] });
 * expect(await add.delay(1, 2).get({ timeout: '5s' })).toBe(3);
 * ```
 */
export async function testApp(
  options: AppOptions = {},
  worker: WorkerOptions = {},
): Promise<TestApp> {
  const engine = await testEngine();
  let app: App | undefined;
  try {
    app = new App('test', { broker: engine.url, ...options });
    await app.load();
    return assemble(engine, app, await testWorker(app, worker));
  } catch (error) {
    await app?.close();
    await engine.stop();
    throw error;
  }
}

function assemble(engine: Embedded, app: App, worker: Worker): TestApp {
  const stop = async (): Promise<void> => {
    await worker.stop();
    await app.close();
    await engine.stop();
  };
  return { app, engine, worker, stop, [Symbol.asyncDispose]: stop };
}
