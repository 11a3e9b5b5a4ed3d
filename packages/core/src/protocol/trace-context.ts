/** The trace that a message belongs to, in the words of W3C's Trace Context. */

/** The span that a message comes from. */
export interface TraceContext {
  /** `00-<trace id>-<span id>-<flags>`. */
  readonly traceparent: string;
  /** What vendors add. */
  readonly tracestate?: string;
}

/** A span, as ids. */
export interface SpanIds {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly traceFlags: number;
}

/** The field of a version that this code knows, or of a later one, which may go on. */
const form = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** Writes the header; gives nothing for a span that has no ids, as where no SDK is registered. */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanIds): string | undefined {
  if (isNought(traceId) || isNought(spanId)) return undefined;
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
}

/** Reads the header; gives nothing where it is damaged: a trace is not worth a task. */
export function spanOf({ traceparent }: TraceContext): SpanIds | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] =
    form.exec(String(traceparent)) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more)) return undefined;
  if (isNought(traceId) || isNought(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

const isNought = (id: string): boolean => /^0*$/.test(id);
