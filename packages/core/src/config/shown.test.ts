/** What is shown of settings holds no password. */
import { expect, test } from 'vitest';
import { resolveSettings } from './resolve.js';
import { appSettings } from './settings.js';
import { shownSettings, shownShards } from './shown.js';

test('passwords of the broker and of shards are not shown', () => {
  const given = { broker: 'redis://u:secret@a', shards: 'redis://:secret@b, redis://v:secret@c' };
  const config = resolveSettings(appSettings, given, {});
  expect(JSON.stringify(shownSettings(config))).not.toContain('secret');
  expect(shownShards(config)).toBe('redis://***@b, redis://v:***@c');
});

test('no shards are not shown, and a number is', () => {
  expect(shownShards(resolveSettings(appSettings, {}, {}))).toBeUndefined();
  expect(shownShards(resolveSettings(appSettings, {}, { DTASK_SHARDS: '4' }))).toBe(
    '4 on the broker',
  );
});
