/** Reading and writing of traceparent. */
import { describe, expect, it } from 'vitest';
import { spanOf, traceparentOf } from './trace-context.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('traceparent', () => {
  it.each([0, 1, 255])('is read as it was written, with the flags %i', (traceFlags) => {
    const traceparent = traceparentOf({ traceId, spanId, traceFlags });
    expect(traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/);
    expect(spanOf({ traceparent: traceparent ?? '' })).toEqual({ traceId, spanId, traceFlags });
  });

  it('of a later version is read as far as this one goes', () => {
    const traceparent = `01-${traceId}-${spanId}-01-more`;
    expect(spanOf({ traceparent })).toEqual({ traceId, spanId, traceFlags: 1 });
  });

  it('is not written of a span without ids', () => {
    expect(traceparentOf({ traceId: '0'.repeat(32), spanId, traceFlags: 1 })).toBeUndefined();
    expect(traceparentOf({ traceId: '', spanId: '', traceFlags: 0 })).toBeUndefined();
  });

  it.each([
    '',
    'nonsense',
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${spanId}`,
  ])('that is damaged is passed over: %j', (traceparent) => {
    expect(spanOf({ traceparent })).toBeUndefined();
  });

  it('that is no text is passed over', () => {
    expect(spanOf({ traceparent: { a: 1 } as unknown as string })).toBeUndefined();
  });
});
