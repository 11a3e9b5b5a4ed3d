/** Schemas: arguments and results checked and parsed on both sides, by zod or any other Standard Schema. */
import { App, ArgumentsError, task } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';
import { z } from 'zod';

const Address = z.object({ email: z.email(), name: z.string().trim().min(1) });

/** The schema stands for the one argument; the task gets what it parses to. */
const greet = task('mail.greet', (to: z.infer<typeof Address>) => `Dear ${to.name}, ...`, {
  args: [Address],
  returns: z.string().max(200),
});

await using redis = await startEmbedded({ dir: false });
await using app = new App('mail', { broker: redis.url, tasks: [greet] });
await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();

console.log(
  await greet.delay({ email: 'ann@example.org', name: '  Ann ' }).get({ timeout: '10s' }),
);

// A wrong call is refused before anything is sent.
await greet.delay({ email: 'nowhere', name: '' }).catch((error: unknown) => {
  if (error instanceof ArgumentsError) console.log(error.message);
});
