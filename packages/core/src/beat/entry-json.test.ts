import { expect, it } from 'vitest';
import type { BeatChange } from './entry.js';
import { changeEntry, readEntry } from './entry-json.js';

const { json } = readEntry('nightly', {
  task: 'report',
  every: '1h',
  queue: 'slow',
  expires: '5m',
  maxRetries: 3,
  retryJitter: false,
});

it.each<readonly [BeatChange, object | undefined]>([
  [{ maxRetries: undefined }, { queue: 'slow', expiresIn: 300_000, retry: { jitter: false } }],
  [{ maxRetries: undefined, retryJitter: undefined, queue: undefined }, { expiresIn: 300_000 }],
  [
    { maxRetries: 5, expires: undefined },
    { queue: 'slow', retry: { max: 5, jitter: false } },
  ],
  [
    { expires: new Date(1_000) },
    { queue: 'slow', expiresAt: 1_000, retry: { max: 3, jitter: false } },
  ],
])('an entry that is changed by %o keeps what that does not name', (change, call) => {
  expect(changeEntry('nightly', json, change)).toEqual({ ...json, call });
});
