/**
 * The order in which vitest starts the test files: what takes long comes first, so that in the end no worker is left
 * alone with it. A fresh checkout knows of no durations, and vitest goes by the files' sizes, which say little here.
 */
import { relative, sep } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes more than some 20 seconds in CI, the longest first. It may be out of date: that costs seconds at most. */
const longest = [
  'test/fleet/stopping.test.ts',
  'test/chaos/canvas-crash.test.ts',
  'test/conformance/shutdown.test.ts',
  'test/packaging/installed.test.ts',
  'test/examples/examples.test.ts',
  'test/fleet/dev.test.ts',
  'test/chaos/beat-crash.test.ts',
  'test/seams/hooks.test.ts',
  'test/seams/processes.test.ts',
  'test/pools/children.test.ts',
  'test/seams/time-limits.test.ts',
  'test/chaos/redis-restart.test.ts',
  'test/chaos/poison.test.ts',
  'test/chaos/signals.test.ts',
  'test/chaos/celery-cases.test.ts',
  'test/chaos/partition.test.ts',
  'test/fleet/supervisor.test.ts',
  'test/chaos/killed-worker.test.ts',
  'test/control/revoke.test.ts',
  'test/chaos/half-open.test.ts',
  'test/chaos/beat.test.ts',
  'test/seams/limits.test.ts',
  'test/cli/app-option.test.ts',
  'test/chaos/soak.test.ts',
  'test/map/faults.test.ts',
  'test/beat/outage.test.ts',
  'test/cli/beat.test.ts',
];

/** Given to vitest as `sequence.sequencer`. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => this.#placeOf(one) - this.#placeOf(other));
  }

  /** Its place in the list; what is not there comes behind. */
  #placeOf({ moduleId }: TestSpecification): number {
    const place = longest.indexOf(relative(this.ctx.config.root, moduleId).split(sep).join('/'));
    return place < 0 ? longest.length : place;
  }
}
