/** The worker, for programs that start one themselves. */
export { type RunningTask, type Snapshot, Worker, type WorkerOptions } from '@dtask/worker';
