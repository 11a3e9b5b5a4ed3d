/** Spans of OpenTelemetry for calls and runs, which link caller and task across processes. */
import { createRequire } from 'node:module';
import type * as OpenTelemetry from '@opentelemetry/api';
import { ConfigError } from '../errors.js';
import type { Call, Message } from '../protocol/message.js';
import { spanOf, type TraceContext, traceparentOf } from '../protocol/trace-context.js';
import { failureOf } from '../result/failure.js';

type Api = typeof OpenTelemetry;

/** A run of a task. */
export interface TracedRun {
  readonly message: Message;
  readonly queue: string;
  readonly worker: string;
  /** How many times the task was retried before. */
  readonly retries: number;
}

/** How a run ended. */
export interface RunEnd {
  /** What became of the task, such as `SUCCESS` or `RETRY`. */
  readonly state: string;
  /** What it threw, where that counts as an error. */
  readonly error?: unknown;
}

/** Longest that closing an App waits for spans to be exported, in milliseconds. */
const patience = 1_500;

/** Makes the spans of an App. Only an App with `tracing: true` has one. */
export class Tracing {
  readonly #api: Api;
  readonly #tracer: OpenTelemetry.Tracer;

  /** @throws ConfigError when `@opentelemetry/api` is not installed */
  constructor() {
    this.#api = load();
    this.#tracer = this.#api.trace.getTracer('dtask');
  }

  /**
   * Stores a call, in a span that ends when Redis has it. The message carries that span; the one
   * that it carried before, if any, is the span's parent.
   */
  send<R>(call: Call, store: (call: Call) => Promise<R>): Promise<R> {
    const { message, queue } = call;
    const { name, trace } = message;
    const span = this.#tracer.startSpan(
      `send ${name}`,
      {
        kind: this.#api.SpanKind.PRODUCER,
        attributes: { ...attributesOf('send', message), 'messaging.destination.name': queue },
      },
      trace ? this.#contextOf(trace) : this.#api.context.active(),
    );
    const carried = this.#carry(span);
    const traced = carried ? { ...call, message: { ...message, trace: carried } } : call;
    return this.#until(span, () => store(traced));
  }

  /**
   * Sends a canvas, in a span that is the parent of those of its first messages.
   *
   * @param kind what it is: a chain, a group
   */
  canvas<R>(
    kind: string,
    id: string,
    send: (trace: TraceContext | undefined) => Promise<R>,
  ): Promise<R> {
    const span = this.#tracer.startSpan(`send ${kind}`, {
      attributes: { ...operation('send'), 'messaging.message.id': id },
    });
    return this.#until(span, () => send(this.#carry(span)));
  }

  /** Runs a task, in a span that is the active one in the task's code. */
  run<R>(
    { message, queue, worker, retries }: TracedRun,
    body: () => R | Promise<R>,
    endOf: (result: R) => RunEnd,
  ): R | Promise<R> {
    const { SpanKind, context, ROOT_CONTEXT, trace } = this.#api;
    const parent = message.trace ? this.#contextOf(message.trace) : ROOT_CONTEXT;
    const attributes = {
      ...attributesOf('run', message),
      'messaging.destination.name': queue,
      'dtask.worker': worker,
      'dtask.task.retries': retries,
    };
    const options = { kind: SpanKind.CONSUMER, attributes };
    const span = this.#tracer.startSpan(`run ${message.name}`, options, parent);
    const ended = (result: R): void => {
      const { state, error } = endOf(result);
      span.setAttribute('dtask.task.state', state);
      if (error !== undefined) this.#fail(span, error);
      span.end();
    };
    const result = context.with(trace.setSpan(parent, span), body);
    if (result instanceof Promise) void result.then(ended);
    else ended(result);
    return result;
  }

  /** Has what was traced exported, as far as that is soon done: the process may end. */
  async flush(): Promise<void> {
    const proxy = this.#api.trace.getTracerProvider() as Provider;
    const provider = proxy.getDelegate?.() ?? proxy;
    if (!provider.forceFlush) return;
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patience);
    });
    // What an exporter cannot send is the exporter's to tell.
    const flushed = provider.forceFlush().catch(() => undefined);
    await Promise.race([flushed, silence]);
    clearTimeout(timer);
  }

  #until<R>(span: OpenTelemetry.Span, work: () => Promise<R>): Promise<R> {
    const { context, trace } = this.#api;
    const done = context.with(trace.setSpan(context.active(), span), work);
    done.then(
      () => span.end(),
      (error: unknown) => {
        this.#fail(span, error);
        span.end();
      },
    );
    return done;
  }

  #fail(span: OpenTelemetry.Span, error: unknown): void {
    const failure = failureOf(error);
    span.recordException(failure);
    span.setAttribute('error.type', failure.name);
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: failure.message });
  }

  #carry(span: OpenTelemetry.Span): TraceContext | undefined {
    const ids = span.spanContext();
    const traceparent = traceparentOf(ids);
    if (traceparent === undefined) return undefined;
    const tracestate = ids.traceState?.serialize();
    return { traceparent, ...(tracestate && { tracestate }) };
  }

  #contextOf(carried: TraceContext): OpenTelemetry.Context {
    const { ROOT_CONTEXT, trace, createTraceState } = this.#api;
    const ids = spanOf(carried);
    if (!ids) return ROOT_CONTEXT;
    const { tracestate } = carried;
    return trace.setSpanContext(ROOT_CONTEXT, {
      ...ids,
      isRemote: true,
      ...(typeof tracestate === 'string' && { traceState: createTraceState(tracestate) }),
    });
  }
}

/** What providers of an SDK can do, and the API has no word for. */
interface Provider {
  getDelegate?(): Provider;
  forceFlush?(): Promise<void>;
}

const operation = (name: 'send' | 'run'): OpenTelemetry.Attributes => ({
  'messaging.system': 'dtask',
  'messaging.operation.name': name,
  'messaging.operation.type': name === 'send' ? 'send' : 'process',
});

const attributesOf = (
  name: 'send' | 'run',
  message: Pick<Message, 'id' | 'name' | 'root'>,
): OpenTelemetry.Attributes => ({
  ...operation(name),
  'messaging.message.id': message.id,
  'messaging.message.conversation_id': message.root ?? message.id,
  'dtask.task.name': message.name,
});

/** Loaded by those who trace alone. */
function load(): Api {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as Api;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new ConfigError(
      'tracing needs @opentelemetry/api, which is not installed: npm install @opentelemetry/api',
      { cause: error },
    );
  }
}
