/** The worker and the beat, for programs that start one themselves. */
export {
  Beat,
  type BeatOptions,
  type RunningTask,
  type Snapshot,
  Worker,
  type WorkerOptions,
} from '@dtask/worker';
