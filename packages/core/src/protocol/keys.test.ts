/** Which ids are not for tasks. */
import { QueueKeys } from 'bullmq';
import { expect, test } from 'vitest';
import { reservedIds } from './keys.js';

test('every name that BullMQ gives a key of its own is refused as an id', () => {
  const names = Object.keys(new QueueKeys().getKeys('')).filter((name) => name !== '');
  expect([...reservedIds].sort()).toEqual(names.sort());
});
