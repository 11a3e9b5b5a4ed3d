/** Names with placeholders. */
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { workerName } from './worker-name.js';

const [short = '', ...domain] = hostname().split('.');

describe('the name of a worker', () => {
  it.each([
    ['w1', 'w1'],
    ['w@%h', `w@${hostname()}`],
    ['%n', short],
    ['x.%d', `x.${domain.join('.')}`],
    ['%a-%i', 'shop-0'],
    ['w%I@%a', 'w@shop'],
  ])('%s is %s', (format, name) => {
    expect(workerName(format, 'shop')).toBe(name);
  });

  it.each(['w%x', 'w%', '%H'])('%s is refused, with what it may have', (format) => {
    expect(() => workerName(format, 'shop')).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringContaining('%h (host)') as string,
      }),
    );
  });
});
