/** The types of routes, hooks and middleware. */
import { App, type HookEvents, type Middleware, type RouteMap, type TaskHooks } from 'dtask';

const app = new App('types');

/** Compiles only where both types are the same. */
function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

/** A handler gets the payload of its hook. */
export function handlers(): void {
  const off = app.on('taskFailure', ({ context, error }) => {
    same<typeof error, unknown>(true);
    same<typeof context.id, string>(true);
  });
  same<typeof off, () => void>(true);
  app.on('taskRevoked', ({ reason }) =>
    same<typeof reason, 'revoked' | 'expired' | 'terminated'>(true),
  );
  app.on('taskPostrun', async ({ state }) => {
    if (state === 'SUCCESS') await Promise.resolve();
  });
  app.on('workerReady', (worker: HookEvents['workerReady']) => worker.queues.length);
  // @ts-expect-error -- there is no such hook
  app.on('taskDone', () => undefined);
  // @ts-expect-error -- a successful task has no error
  app.on('taskSuccess', ({ error }) => error);
  // @ts-expect-error -- handlers only look
  app.on('beforePublish', (call) => (call.queue = 'other'));
}

/** The hooks of a task know what it gives. */
export function taskHooks(): void {
  const square = app.task('square', (x: number) => x * x, {
    hooks: {
      onSuccess: (value, context) => {
        same<typeof value, number>(true);
        same<typeof context.retries, number>(true);
      },
    },
  });
  same<ReturnType<typeof square>, number>(true);
  app.task('later', async (id: string) => ({ id }), {
    hooks: { onSuccess: (value) => same<typeof value, { id: string }>(true) },
  });
  const forText: TaskHooks<string> = { onSuccess: (text) => text.length };
  // @ts-expect-error -- these hooks are for a task that gives a text
  app.task('number', () => 5, { hooks: forText });
  // @ts-expect-error -- there is no such hook
  app.task('misspelt', () => 5, { hooks: { onDone: () => undefined } });
}

/** Middleware changes calls, and wraps runs. */
export function middleware(): void {
  const tenant: Middleware = {
    publish(call, next) {
      call.headers['tenant'] = 1;
      call.countdown = '10s';
      // @ts-expect-error -- a call keeps its id
      call.id = 'other';
      return next();
    },
    run: async (context, next) => {
      const value = await next();
      same<typeof value, unknown>(true);
      return context.isEager ? undefined : value;
    },
  };
  app.use(tenant).use({ run: (_context, next) => next() });
  // @ts-expect-error -- not a function
  app.use({ run: 5 });
}

/** Routes in every form. */
export function routes(): RouteMap[] {
  new App('typed', { routes: { 'a.*': 'q' }, broadcast: ['all'] });
  // @ts-expect-error -- a route gives no id
  new App('typed', { routes: { a: { id: 'x' } } });
  // @ts-expect-error -- a router is not async
  new App('typed', { routes: async () => 'q' });
  return [
    { 'a.*': 'q', b: { queue: 'r', priority: 3 } },
    (name, args, options) => (args.length > 0 && options.priority === 9 ? name : undefined),
    [['a', 'q'], [/^b/, { queue: 'q' }], { c: 'q' }, () => null],
  ];
}
