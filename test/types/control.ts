/** Types of what workers answer and tell; checked by `npm run types`, never run. */
import { App, type DtaskEvent, type TaskFailedEvent } from 'dtask';

declare const app: App;
declare const event: DtaskEvent;

export async function answers(): Promise<void> {
  const pongs = await app.inspect.ping({ destination: ['one'], timeout: '5s' });
  for (const answer of Object.values(pongs)) {
    if ('error' in answer) answer.error satisfies string;
    else answer.ok satisfies 'pong';
  }
  for (const tasks of Object.values(await app.inspect.active())) {
    if ('error' in tasks) continue;
    for (const task of tasks) task.startedAt satisfies string;
  }
  const { removed, workers } = await app.control.revoke('id', { terminate: true });
  removed satisfies number;
  const one = workers['one'];
  if (one && 'ok' in one) one.ok satisfies string;
  await app.control.rateLimit('task', '5/m');
  await app.control.rateLimit('task', null, { pattern: 'mail-*' });
  // @ts-expect-error -- no rate
  await app.control.rateLimit('task', 'often');
  // @ts-expect-error -- no option
  await app.inspect.ping({ destinations: 'one' });
  app.controlCommand('mine', ({ part }, { name }) => ({ part, name }));
  // @ts-expect-error -- terminate is a boolean
  await app.result('id').revoke({ terminate: 'SIGKILL' });
}

export async function events(): Promise<void> {
  for await (const each of app.events({ types: ['task-failed', 'task-retried'] })) {
    each.error satisfies string;
    if (each.type === 'task-retried') each.wait satisfies number;
    // @ts-expect-error -- of another type
    each.result satisfies string;
  }
  // @ts-expect-error -- no type of event
  app.events({ types: ['task-finished'] });
  switch (event.type) {
    case 'task-failed':
      event satisfies TaskFailedEvent;
      break;
    case 'worker-heartbeat':
      event.loadavg satisfies readonly number[];
      break;
    default:
      event.at satisfies Date;
  }
}
