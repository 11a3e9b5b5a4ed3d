/** Tasks under test: they belong to no App until one takes them. */
import { currentTask, task } from 'dtask';

export class OutOfStock extends Error {
  override name = 'OutOfStock';
}

export const reserve = task(
  'shop.reserve',
  (item: string, count: number): string => {
    if (item === 'unicorn') throw new OutOfStock('unicorns are sold out');
    if (item === 'tea' && currentTask().retries === 0) throw new Error('the shelf is locked');
    return `${count} x ${item}`;
  },
  { maxRetries: 2, retryDelay: '10ms', dontRetryFor: OutOfStock },
);
