/** A task that is declared when the workers have started, and whose queue none of them takes, is named. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { stage } from './own-stage.js';

const program = fileURLToPath(new URL('./programs/late-tasks.mjs', import.meta.url));

test('a worker warns of a task that came too late, with its queue and what to do', async () => {
  const child = spawn(process.execPath, [program, stage.engine.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const warnings: { task: string; queue: string; worker: string; msg: string }[] = [];
  try {
    for await (const line of createInterface(child.stdout)) {
      const entry = JSON.parse(line) as (typeof warnings)[number] & { level: number };
      if (entry.level < 40) continue;
      warnings.push(entry);
      // It was declared last: had another one been warned of, that would have been said before.
      if (entry.task === 'late.lost') break;
    }
  } finally {
    child.kill('SIGKILL');
  }
  expect(warnings).toMatchObject([
    {
      task: 'late.lost',
      queue: 'nowhere',
      worker: 'own',
      msg: "the task late.lost was declared after the worker had started, and no worker takes from its queue nowhere: its calls wait. Declare it before the worker is made, name the queue in the worker's option queues, or call app.control.addConsumer('nowhere')",
    },
  ]);
});
