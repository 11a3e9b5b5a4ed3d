/** Runs a worker in this process, from start to exit. */
import { setTimeout as pause } from 'node:timers/promises';
import type { App } from '@dtask/core';
import type { AppSource } from '@dtask/core/internal';
import type { Embedded } from '@dtask/embedded';
import { Standby } from '@dtask/worker/standby';
import type { Beat, Worker, WorkerOptions } from '@dtask/worker';
import { banner } from '../banner.js';
import { engineFor } from '../engine.js';
import { exitCodes } from '../exit-codes.js';
import { findApp, loadTasks } from '../find-app.js';
import type { BannerNotes, Facts, Opening } from '../fleet/line.js';
import { Supervised } from '../fleet/supervised.js';
import { sayError } from '../say-error.js';
import { StopSignals } from './stop-signals.js';
import { leave, WorkerStops } from './worker-stops.js';

/** What to run. */
export interface WorkerOrders {
  /** What `-A` names. */
  readonly app: string;
  readonly embedded: boolean;
  /** Whether it sends the periodic tasks, too. */
  readonly beat: boolean;
  readonly settings: WorkerOptions;
}

/** Longest that the App's own connections may take to close, in milliseconds. */
const lastWait = 200;

/** Does not return: the process ends with the worker. */
export async function runWorker(orders: WorkerOrders): Promise<never> {
  const stops = new WorkerStops();
  const line = Supervised.find();
  const signals = new StopSignals(stops, line === undefined);
  void line?.lost.then(() => signals.raise());
  let worker: Worker | undefined;
  let beat: Beat | undefined;
  try {
    // At once: they load what this process loads, beside it.
    const standby = line?.standby && new Standby(line.standby);
    // Ahead of the app: once TypeScript's loader is there, all that is loaded passes through it.
    const { Beat, captureConsole, watchStrays, Worker } = await import('@dtask/worker');
    if (line?.standby?.preload) await import(line.standby.preload);
    await line?.load;
    const found = await findApp(orders.app);
    const { app, source } = found;
    line?.tell(['found', factsOf(app, source)]);
    await loadTasks(found);
    const engine = orders.embedded ? await engineFor(app.config.broker) : undefined;
    worker = new Worker(app, { ...orders.settings, module: source });
    captureConsole(worker.log);
    beat = orders.beat ? new Beat(app, { logLevel: worker.config.logLevel }) : undefined;
    // A wrong entry shows before the worker takes tasks.
    const notes = beat ? [['beat', counted(app.deck.entries.size)] as const] : [];
    stops.guard(worker, beat);
    const { log } = worker;
    watchStrays(log, (error) => {
      const what = 'an error outside of any task: running tasks go back, and the worker ends';
      log.fatal({ err: error }, what);
      stops.fail();
    });
    const opening = line ? await held(line, standby, worker, stops) : alone(engine);
    if (opening) await open({ worker, beat, notes }, source, stops, opening);
    line?.tell(['ready']);
    const code = await stops.exit;
    line?.tell(['stopped']);
    await beat?.stop();
    await close(app, engine);
    worker.log.info('stopped');
    return await leave(worker, code);
  } catch (error) {
    sayError(error);
    void beat?.stop().catch(() => undefined);
    await worker?.stop({ force: true }).catch(() => undefined);
    return leave(worker, exitCodes.failed);
  }
}

const alone = (engine: Embedded | undefined): Opening => ({
  banner: { title: 'dtask worker', rows: [], ...(engine && { engine }) },
});

const factsOf = ({ name, config, include }: App, { file }: AppSource): Facts => ({
  app: name,
  broker: config.broker,
  file,
  include,
});

/** Waits for its turn, ready to go; gives nothing where it is stopped before. */
async function held(
  line: Supervised,
  standby: Standby | null | undefined,
  worker: Worker,
  stops: WorkerStops,
): Promise<Opening | undefined> {
  line.tell(['loaded']);
  const stopped = stops.exit.then(() => undefined);
  await Promise.race([
    line.warm.then(() => worker.warm(standby ?? undefined, line.development)),
    stopped,
  ]);
  standby?.letGo();
  line.tell(['warm']);
  return Promise.race([line.turn, stopped]);
}

const counted = (entries: number): string => (entries === 1 ? '1 entry' : `${entries} entries`);

/** What runs in this process, and what the banner says of it. */
interface Company {
  readonly worker: Worker;
  readonly beat: Beat | undefined;
  readonly notes: BannerNotes['rows'];
}

async function open(
  { worker, beat, notes }: Company,
  { file }: AppSource,
  { exit }: WorkerStops,
  opening: Opening,
): Promise<void> {
  if (opening.banner)
    console.error(
      banner(worker, file, { ...opening.banner, rows: [...opening.banner.rows, ...notes] }),
    );
  const start = async (): Promise<void> => {
    await worker.start();
    // It may have been told to stop meanwhile, and the beat with it.
    if (worker.state === 'running') await beat?.start();
  };
  await Promise.race([start(), exit]);
}

async function close(app: App, engine: Embedded | undefined): Promise<void> {
  await Promise.race([app.close(), pause(lastWait)]);
  await engine?.stop();
}
