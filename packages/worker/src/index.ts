/** What executes tasks. */
export { captureConsole } from './console.js';
export { watchStrays } from './strays.js';
export { Worker } from './worker.js';
export type { WorkerOptions } from './worker-options.js';
export { describeSnapshot, type RunningTask, type Snapshot } from './snapshot.js';
export { Beat, type BeatOptions } from './beat/beat.js';
export { type Forecast, forecast, type ForecastOptions } from './beat/forecast.js';
