/** What a worker tells of its children. */
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { crew } from '../pools/crew.js';
import { readyOf, samplesOf } from './pages.js';

afterEach(() => crew.dismiss());

const soon = { timeout: '20s' } as const;

it('is not ready while it has no child, and ready when there is a new one', async () => {
  const worker = await crew.worker({ pool: 'processes', concurrency: 1, httpPort: 0 });
  expect(await readyOf(worker)).toMatchObject({ status: 200 });
  const [pid] = (await crew.tasks.where.delay(0).get(soon)).split('/');
  process.kill(Number(pid), 'SIGKILL');
  await eventually(() => readyOf(worker)).toEqual({
    status: 503,
    reason: 'no child has loaded the app yet',
  });
  await eventually(() => readyOf(worker)).toMatchObject({ status: 200 });
  const samples = samplesOf(await worker.metrics());
  const labels = `worker="${worker.name}",pool="processes"`;
  expect(samples.get(`dtask_worker_children{${labels}}`)).toBe(1);
  expect(samples.get(`dtask_worker_children_ended_total{${labels},how="crashed"}`)).toBe(1);
});

it('counts children by how they ended, and tasks that came again', async () => {
  const worker = await crew.worker({ pool: 'processes', concurrency: 1, maxTasksPerChild: 3 });
  expect(await crew.tasks.killItselfAtFirst.delay('counted', 1).get(soon)).toBe('survived');
  expect(await crew.tasks.hangTwice.delay().get(soon)).toBe('at last');
  // One child has crashed and two were killed; the fourth has run one of the three tasks it may.
  for (const x of [1, 2]) await crew.tasks.add.delay(x, x).get(soon);
  const labels = `worker="${worker.name}",pool="processes"`;
  await eventually(async () => {
    const samples = samplesOf(await worker.metrics());
    const ended = (how: string): number | undefined =>
      samples.get(`dtask_worker_children_ended_total{${labels},how="${how}"}`);
    return [ended('crashed'), ended('killed'), ended('recycled')];
  }).toEqual([1, 2, 1]);
  const samples = samplesOf(await worker.metrics());
  expect(
    samples.get(`dtask_task_redeliveries_total{worker="${worker.name}",task="kill.first"}`),
  ).toBe(1);
});
