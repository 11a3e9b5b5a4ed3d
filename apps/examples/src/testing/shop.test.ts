/** How an application tests its tasks: as functions, by the worker's path in this process, and on a real worker. */
import { TaskFailedError } from 'dtask';
import { testApp, type TestApp } from 'dtask/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reserve } from './shop.js';

describe('without Redis', () => {
  it('a task is the function that it was', () => {
    expect(reserve('cup', 2)).toBe('2 x cup');
  });

  it('apply() runs it as a worker does, retries included', async () => {
    expect(await reserve.apply(['tea', 1]).get()).toBe('1 x tea');
  });
});

describe('on a worker', () => {
  let shop: TestApp;
  beforeAll(async () => {
    shop = await testApp({ tasks: [reserve] });
  });
  afterAll(() => shop?.stop());

  it('a reservation that fails at first is made on the second try', async () => {
    expect(await reserve.delay('tea', 3).get({ timeout: '10s' })).toBe('3 x tea');
  });

  it('what is sold out fails at once, with the error of the task', async () => {
    const error = await reserve.delay('unicorn', 1).get({ timeout: '10s', propagate: false });
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({ errorName: 'OutOfStock', message: 'unicorns are sold out' });
  });
});
