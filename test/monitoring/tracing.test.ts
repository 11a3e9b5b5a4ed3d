/** Spans of calls and runs. */
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { App, chain, chord, currentTask, group, signature } from 'dtask';
import { rejection } from '../behaviour/rejection.js';
import { messageKey, Stage } from '../behaviour/stage.js';

const exporter = new InMemorySpanExporter();
const soon = { timeout: '15s' } as const;

let stage: Stage;
beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  stage = await Stage.open();
});
beforeEach(() => exporter.reset());
afterAll(async () => {
  await stage.close();
  trace.disable();
  context.disable();
});

/** The span of a name; throws where there is not exactly one. */
function spanOf(name: string): ReadableSpan {
  const found = exporter.getFinishedSpans().filter((span) => span.name === name);
  if (found.length !== 1) throw new Error(`${found.length} spans are named ${name}`);
  return found[0] as ReadableSpan;
}

/** From the root to this span, by name. */
function pathOf(span: ReadableSpan): string {
  const parent = exporter
    .getFinishedSpans()
    .find((one) => one.spanContext().spanId === span.parentSpanContext?.spanId);
  if (span.parentSpanContext && !parent) throw new Error(`${span.name} has lost its parent`);
  return parent ? `${pathOf(parent)} > ${span.name}` : span.name;
}

const paths = (): string[] => exporter.getFinishedSpans().map(pathOf).toSorted();

/** Runs a function within a span. */
function within<R>(name: string, body: () => Promise<R>): Promise<R> {
  return trace.getTracer('test').startActiveSpan(name, async (span) => {
    try {
      return await body();
    } finally {
      span.end();
    }
  });
}

describe('the spans of a call', () => {
  it('link the caller, the run, what the task does and the tasks that it calls', async () => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', (x: number, y: number) => x + y);
    const double = app.task('double', async (x: number) => {
      await within('query', () => Promise.resolve());
      return add.delay(x, x).get(soon);
    });
    const worker = await stage.worker(app);
    const { id } = await within('request', async () => {
      const result = await double.delay(4);
      expect(await result.get(soon)).toBe(8);
      return result;
    });
    expect(paths()).toEqual([
      'request',
      'request > send double',
      'request > send double > run double',
      'request > send double > run double > query',
      'request > send double > run double > send add',
      'request > send double > run double > send add > run add',
    ]);
    expect(spanOf('send double')).toMatchObject({
      kind: SpanKind.PRODUCER,
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        'messaging.system': 'dtask',
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'default',
        'messaging.message.id': id,
        'dtask.task.name': 'double',
      },
    });
    expect(spanOf('run add')).toMatchObject({
      kind: SpanKind.CONSUMER,
      attributes: {
        'messaging.system': 'dtask',
        'messaging.operation.name': 'run',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'default',
        'messaging.message.conversation_id': id,
        'dtask.worker': worker.name,
        'dtask.task.retries': 0,
        'dtask.task.state': 'SUCCESS',
      },
    });
  });

  it('begin a trace where there is none, and each call its own', async () => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', (x: number, y: number) => x + y);
    await stage.worker(app);
    await Promise.all([add.delay(1, 2).get(soon), add.delay(3, 4).get(soon)]);
    const traces = new Set(exporter.getFinishedSpans().map((span) => span.spanContext().traceId));
    expect(traces.size).toBe(2);
    expect(paths()).toEqual(['send add', 'send add', 'send add > run add', 'send add > run add']);
  });

  it('tell of every run of a task that is retried, and of the error that ends it', async () => {
    const app = stage.app({ tracing: true });
    const far = app.task(
      'far',
      () => {
        throw new RangeError(`too far, ${currentTask().retries}`);
      },
      { retryFor: RangeError, maxRetries: 1, retryDelay: 10 },
    );
    await stage.worker(app);
    await rejection(far.delay().get(soon));
    const runs = exporter.getFinishedSpans().filter(({ name }) => name === 'run far');
    expect(
      runs.map(({ attributes, status, events }) => [
        attributes['dtask.task.retries'],
        attributes['dtask.task.state'],
        attributes['error.type'],
        status,
        events.map((event) => event.attributes?.['exception.message']),
      ]),
    ).toEqual([
      [0, 'RETRY', 'RangeError', { code: 2, message: 'too far, 0' }, ['too far, 0']],
      [1, 'FAILURE', 'RangeError', { code: 2, message: 'too far, 1' }, ['too far, 1']],
    ]);
    expect(new Set(runs.map(pathOf))).toEqual(new Set(['send far > run far']));
  });

  it('tell of a call that could not be sent', async () => {
    const app = stage.app({ tracing: true, maxPayload: 200 });
    const add = app.task('add', (x: unknown) => x);
    await rejection(add.delay('x'.repeat(500)));
    expect(spanOf('send add')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'PayloadTooLargeError' },
    });
  });

  it('tell of a task that its time limit has ended', async () => {
    const app = stage.app({ tracing: true });
    const slow = app.task('slow', () => new Promise(() => undefined), { timeLimit: 50 });
    await stage.worker(app);
    await rejection(slow.delay().get(soon));
    expect(spanOf('run slow').attributes).toMatchObject({
      'dtask.task.state': 'FAILURE',
      'error.type': 'TimeLimitExceededError',
    });
  });
});

describe('the spans of a canvas', () => {
  it('of a chain are one trace, whoever sends its steps', async () => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', (x: number, y: number) => x + y);
    await stage.worker(app);
    expect(await chain(add.s(1, 2), add.s(3), add.s(4)).delay().get(soon)).toBe(10);
    const first = 'send chain > send add';
    expect(paths()).toEqual([
      'send chain',
      first,
      `${first} > run add`,
      `${first} > send add`,
      `${first} > send add > run add`,
      `${first} > send add > send add`,
      `${first} > send add > send add > run add`,
    ]);
  });

  it('of a chord are one trace, its body with them', async () => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', (x: number, y: number) => x + y);
    const sum = app.task('sum', (all: number[]) => all.reduce((one, other) => one + other, 0));
    await stage.worker(app);
    const total = chord(group(add.s(1, 2), add.s(3, 4)), sum.s());
    expect(await within('request', () => total.delay().get(soon))).toBe(10);
    expect(paths()).toEqual([
      'request',
      'request > send chain',
      'request > send chain > send add',
      'request > send chain > send add',
      'request > send chain > send add > run add',
      'request > send chain > send add > run add',
      'request > send chain > send sum',
      'request > send chain > send sum > run sum',
    ]);
  });

  it('that takes the place of a task, or that a generator produces, belong to its trace', async () => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', (x: number, y: number) => x + y);
    const replaced = app.task('replaced', (): number =>
      currentTask().replace(signature('add', [1, 2])),
    );
    await stage.worker(app);
    await within('request', async () => {
      expect(await replaced.delay().get(soon)).toBe(3);
      const results = await app.group([add.s(1, 1), add.s(2, 2)]);
      expect(await results.get(soon)).toEqual([2, 4]);
    });
    expect(spanOf('run replaced').attributes['dtask.task.state']).toBe('REPLACED');
    const traces = new Set(exporter.getFinishedSpans().map((span) => span.spanContext().traceId));
    expect(traces.size).toBe(1);
    expect(paths()).toContain('request > send replaced > send add > run add');
    expect(paths()).toContain('request > send group > send add > run add');
  });
});

describe('the trace in a message', () => {
  it('is a field of its own: the headers are the caller’s', async () => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', () => currentTask().headers);
    const { id } = await add.applyAsync([], { headers: { tenant: 7 } });
    const data = await stage.redis.hget(messageKey(app, 'default', id), 'data');
    const { traceId, spanId } = spanOf('send add').spanContext();
    expect(JSON.parse(data ?? '')).toMatchObject({
      headers: { tenant: 7 },
      trace: { traceparent: `00-${traceId}-${spanId}-01` },
    });
    await stage.worker(app);
    expect(await app.result(id).get(soon)).toEqual({ tenant: 7 });
  });

  it.each([
    { traceparent: 'damaged' },
    { traceparent: 7 },
    {},
    { traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`, tracestate: ['no text'] },
  ])('that is damaged costs the trace, and not the task: %j', async (damaged) => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', (x: number, y: number) => x + y);
    const { id } = await add.delay(1, 2);
    const key = messageKey(app, 'default', id);
    const data = JSON.parse((await stage.redis.hget(key, 'data')) ?? '') as object;
    await stage.redis.hset(key, 'data', JSON.stringify({ ...data, trace: damaged }));
    await stage.worker(app);
    expect(await app.result(id).get(soon)).toBe(3);
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toContain('run add');
  });

  it('is not there, and neither is a span, where tracing is off', async () => {
    const app = stage.app();
    const add = app.task('add', (x: number, y: number) => x + y);
    await within('request', async () => {
      const { id } = await add.delay(1, 2);
      const data = await stage.redis.hget(messageKey(app, 'default', id), 'data');
      expect(JSON.parse(data ?? '')).not.toHaveProperty('trace');
      await stage.worker(app);
      expect(await app.result(id).get(soon)).toBe(3);
    });
    expect(paths()).toEqual(['request']);
  });

  it('goes through a worker that does not trace', async () => {
    const app = stage.app({ tracing: true });
    const add = app.task('add', (x: number, y: number) => x + y);
    const plain = new App('plain', { broker: stage.engine.url, prefix: app.config.prefix });
    plain.register(add);
    await stage.worker(plain, { queues: ['plain'] });
    await stage.worker(app, { queues: ['traced'] });
    const steps = chain(add.s(1, 2).set({ queue: 'plain' }), add.s(3).set({ queue: 'traced' }));
    expect(await steps.delay().get(soon)).toBe(6);
    expect(paths()).toEqual([
      'send chain',
      'send chain > send add',
      'send chain > send add > run add',
    ]);
    expect(spanOf('run add').attributes['messaging.destination.name']).toBe('traced');
    await plain.close();
  });
});
