/** Progress: a task tells how far it is, its caller hears it, and any process can ask. */
import { setTimeout as pause } from 'node:timers/promises';
import { App, currentTask, task } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';

/** Stands for work that goes in steps. */
const convert = task('video.convert', async (file: string, frames: number): Promise<string> => {
  const context = currentTask();
  for (let frame = 0; frame < frames; frame += 25) {
    await context.progress({ frame, of: frames });
    await pause(20);
  }
  // Any state of your own, beside PROGRESS.
  await context.updateState('UPLOADING', { file });
  await pause(200);
  return `${file}.webm`;
});

await using redis = await startEmbedded({ dir: false });
await using app = new App('video', { broker: redis.url, tasks: [convert] });
await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();

// get() listens from now on; the task's id is known before the message is sent.
const sent = convert.delay('holiday', 100);
const video = await sent.get({
  timeout: '20s',
  onProgress: (details, state) => {
    console.log(state, details);
    if (state === 'UPLOADING') void ask(sent.id);
  },
});
console.log('done:', video);
await ask(sent.id);

/** Any process can ask, such as a web server that was given the id. */
async function ask(id: string): Promise<void> {
  console.log('asked by id:', await app.result(id).state());
}
