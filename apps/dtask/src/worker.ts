/** The worker, for programs that start one themselves. */
export { Worker, type WorkerOptions } from '@dtask/worker';
