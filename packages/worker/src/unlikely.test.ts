import { describe, expect, it } from 'vitest';
import { unlikely } from './unlikely.js';

const none = { timeLimit: 0, softTimeLimit: 0, maxMemoryPerChild: 0 };

describe('what a worker says of its settings', () => {
  it('is nothing of limits that are not set, and of likely ones', () => {
    expect(unlikely(none)).toEqual([]);
    const likely = { timeLimit: 300_000, softTimeLimit: 1_000, maxMemoryPerChild: 200 * 1024 ** 2 };
    expect(unlikely(likely)).toEqual([]);
  });

  it('is that a limit in milliseconds may be meant in seconds', () => {
    const [hard, soft] = unlikely({ ...none, timeLimit: 300, softTimeLimit: 240 });
    expect(hard).toContain('timeLimit is 300ms: a number alone is milliseconds; write 300s');
    expect(soft).toContain('softTimeLimit is 240ms');
  });

  it('is that a child takes more memory than it may have', () => {
    const [line] = unlikely({ ...none, maxMemoryPerChild: 200_000 });
    expect(line).toContain('a number alone is bytes; write 200MB');
  });
});
