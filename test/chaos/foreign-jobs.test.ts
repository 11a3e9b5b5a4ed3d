/** What others put into a queue: each such job is set aside on first sight, and the tasks around it go on. */
import { DecodeError, MessageRejectedError, TaskFailedError } from 'dtask';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { engine } from '../support/own-engine.js';
import { stage } from '../support/own-stage.js';
import { rejection, until } from '../support/until.js';
import { WorkerProcess } from '../support/worker-process.js';

// One worker takes all of it, so that what one test plants would hurt the next.
let worker: WorkerProcess;
beforeAll(async () => {
  worker = new WorkerProcess({ env: stage.environment(), flags: ['-c', '3'] });
  await worker.ready();
});
afterAll(() => worker.kill());

let count = 0;
let id = '';
beforeEach(() => {
  count += 1;
  id = `planted-${count}`;
});

/** The fields of a job's hash as BullMQ writes them. */
type Fields = Record<string, string>;

const whole = (args: unknown[] = ['fine']): string => JSON.stringify({ v: 1, args });

/** Puts a job into the queue as BullMQ does, whatever its fields hold. */
async function plant(fields: Fields): Promise<void> {
  const { redis } = stage;
  const job = {
    name: 'echo',
    data: whole(),
    opts: '{}',
    timestamp: String(Date.now()),
    delay: '0',
    priority: '0',
    ...fields,
  };
  await redis
    .multi()
    .hset(stage.key(id), job)
    .lpush(stage.key('wait'), id)
    .zadd(stage.key('marker'), 0, '0')
    .exec();
}

/** Resolves when the planted job has ended. Its reply names nobody, so no push says so. */
function ended(): Promise<boolean> {
  return until(`job ${id} has ended`, () => stage.app.result(id).ready());
}

/** Resolves when a job was set aside; gives its hash. */
async function setAside(): Promise<Record<string, string>> {
  await until(`job ${id} is among the failed ones`, () =>
    stage.redis.zscore(stage.key('failed'), id),
  );
  return stage.redis.hgetall(stage.key(id));
}

/** Runs `work` between tasks that must not notice it. */
async function amongNeighbours(work: () => Promise<unknown>): Promise<void> {
  const before = await stage.app.sendTask('echo', ['before']);
  await work();
  const after = await stage.app.sendTask('echo', ['after']);
  expect(await Promise.all([before, after].map((call) => call.get({ timeout: '10s' })))).toEqual([
    'before',
    'after',
  ]);
  expect(worker.hasEnded).toBe(false);
}

const rejected: readonly (readonly [string, Fields, RegExp])[] = [
  ['data that is not JSON', { data: '{"v":1,"args":[' }, /its data is not JSON/],
  ['empty data', { data: '' }, /not a dtask message/],
  ['data of binary rubbish', { data: '\u0000\u0001\uFFFD{{{' }, /not JSON/],
  ['data that is null', { data: 'null' }, /not an object/],
  ['data that is a number', { data: '42' }, /not an object/],
  ['data that is an array', { data: '[1,2]' }, /not an object/],
  ['data without an envelope', { data: '{"to":"ann@example.org"}' }, /not a dtask message/],
  ['an envelope of a future version', { data: '{"v":99,"args":[]}' }, /version is 99/],
  ['an envelope without arguments', { data: '{"v":1}' }, /"args" is not an array/],
  ['arguments that are an object', { data: '{"v":1,"args":{"0":1}}' }, /"args" is not an array/],
  ['a date that is none', { data: '{"v":1,"args":[{"$date":"soon"}]}' }, /args\[0\]/],
  ['a tag that nobody knows', { data: '{"v":1,"args":[{"$exec":"rm"}]}' }, /args\[0\]/],
  [
    'headers that are a list',
    { data: '{"v":1,"args":[],"headers":[1]}' },
    /"headers" is not an object/,
  ],
  [
    'an expiry in words',
    { data: '{"v":1,"args":[],"expires":"tomorrow"}' },
    /"expires" is not a number/,
  ],
  [
    'arguments that nest 5,000 deep',
    { data: `{"v":1,"args":[${'['.repeat(5_000)}${']'.repeat(5_000)}]}` },
    /levels|deep/,
  ],
  ['an empty name', { name: '' }, /no task name/],
  [
    'options that are not JSON, and foreign data',
    { opts: '{{', data: '{"x":1}' },
    /not a dtask message/,
  ],
  [
    'options that are null, and foreign data',
    { opts: 'null', data: '{"x":1}' },
    /not a dtask message/,
  ],
  [
    'options that ask for retries, and foreign data',
    { opts: '{"attempts":5,"backoff":{"type":"nobody","delay":1}}', data: '{"x":1}' },
    /not a dtask message/,
  ],
  [
    'progress that is not JSON, and foreign data',
    { progress: 'half', data: '{"x":1}' },
    /not a dtask message/,
  ],
  [
    'a parent that is not JSON, and foreign data',
    { parent: 'mother', data: '{"x":1}' },
    /not a dtask message/,
  ],
  [
    'traces that are not JSON, and foreign data',
    { stacktrace: 'at line 1', data: '{"x":1}' },
    /not a dtask message/,
  ],
];

describe('a job in the queue with', () => {
  it.each(rejected)(
    '%s is set aside on first sight, and says why',
    async (_what, fields, reason) => {
      await amongNeighbours(async () => {
        await plant(fields);
        const hash = await setAside();
        expect(hash).toMatchObject({
          atm: '1',
          ats: '1',
          failedReason: expect.stringMatching(reason),
        });
      });
      const error = await rejection(stage.app.result(id).get({ timeout: '10s' }));
      expect(error).toBeInstanceOf(MessageRejectedError);
      expect(error.message).toMatch(reason);
      expect(error.message).toContain(id);
      expect(await stage.app.result(id).state()).toBe('FAILURE');
      expect(await stage.redis.lrange(stage.key('active'), 0, -1)).not.toContain(id);
    },
  );

  it.each([
    ['options', { opts: '{{' }],
    ['progress', { progress: 'half' }],
    ['traces', { stacktrace: 'at line 1' }],
    ['a time', { timestamp: 'noon' }],
  ] satisfies [string, Fields][])(
    'a whole message but damaged %s still runs, once',
    async (_what, fields) => {
      await amongNeighbours(async () => {
        await plant(fields);
        await ended();
        expect(await stage.app.result(id).get({ timeout: '10s' })).toBe('fine');
      });
      await until(
        'it is gone from the queue',
        async () => (await stage.redis.exists(stage.key(id))) === 0,
      );
    },
  );

  it.each([
    ['a parent that is not JSON', { parent: 'mother' }],
    ['a parent that is an empty object', { parent: '{}' }],
    ['an attempt count in words', { atm: 'many' }],
  ] satisfies [string, Fields][])(
    'a whole message but %s ends, and leaves the queue',
    async (_what, fields) => {
      await amongNeighbours(async () => {
        await plant(fields);
        await ended();
        await until(
          'it is no longer active',
          async () => !(await stage.redis.lrange(stage.key('active'), 0, -1)).includes(id),
        );
      });
      expect(await stage.redis.lrange(stage.key('wait'), 0, -1)).not.toContain(id);
    },
  );
});

describe('a job', () => {
  it('without a name is set aside', async () => {
    await amongNeighbours(async () => {
      await stage.redis
        .multi()
        .hset(stage.key(id), { data: whole(), opts: '{}', timestamp: '1' })
        .lpush(stage.key('wait'), id)
        .zadd(stage.key('marker'), 0, '0')
        .exec();
      expect(await setAside()).toMatchObject({
        failedReason: expect.stringMatching(/no task name/),
      });
    });
    expect(await rejection(stage.app.result(id).get({ timeout: '10s' }))).toBeInstanceOf(
      MessageRejectedError,
    );
  });

  it('whose hash was deleted is set aside before any task code sees it', async () => {
    await amongNeighbours(async () => {
      await stage.redis
        .multi()
        .lpush(stage.key('wait'), id)
        .zadd(stage.key('marker'), 0, '0')
        .exec();
      await setAside();
    });
    expect(await rejection(stage.app.result(id).get({ timeout: '10s' }))).toBeInstanceOf(
      MessageRejectedError,
    );
    expect(await stage.redis.lrange(stage.key('active'), 0, -1)).not.toContain(id);
  });

  it('whose hash is no hash is dropped from the queue, and does not come back', async () => {
    await amongNeighbours(async () => {
      await stage.redis
        .multi()
        .set(stage.key(id), 'no hash', 'PX', 60_000)
        .lpush(stage.key('wait'), id)
        .zadd(stage.key('marker'), 0, '0')
        .exec();
      await until('it is in no list', async () => {
        const lists = await Promise.all(
          ['wait', 'active', 'stalled'].map((list) =>
            list === 'stalled'
              ? stage.redis.smembers(stage.key(list))
              : stage.redis.lrange(stage.key(list), 0, -1),
          ),
        );
        return !lists.flat().includes(id);
      });
    });
  });

  it('of plain BullMQ in the same queue is set aside with all its data, once, though it asks for retries', async () => {
    const connection = new Redis(engine.url, { maxRetriesPerRequest: null });
    const queue = new Queue('{default}', { connection, prefix: stage.prefix });
    onTestFinished(async () => {
      await queue.close();
      connection.disconnect();
    });
    await amongNeighbours(async () => {
      const job = await queue.add(
        'mail',
        { to: 'ann@example.org' },
        { attempts: 5, backoff: { type: 'exponential', delay: 1 } },
      );
      id = job.id ?? '';
      expect(await setAside()).toMatchObject({
        name: 'mail',
        data: '{"to":"ann@example.org"}',
        atm: '1',
        ats: '1',
      });
      expect(await job.getState()).toBe('failed');
    });
  });

  it('that is rejected is told to the caller that its reply names', async () => {
    const caller = `caller-${count}`;
    const ear = new Redis(engine.url);
    onTestFinished(() => ear.disconnect());
    const heard: string[] = [];
    ear.on('message', (_channel, text: string) => heard.push(text));
    await ear.subscribe(`${stage.prefix}:c:${caller}`);
    await plant({ data: JSON.stringify({ v: 99, args: [], reply: caller }) });
    await until('the caller was told', () => heard.length > 0);
    expect(JSON.parse(heard[0] ?? '')).toMatchObject([{ id, state: 'FAILURE' }]);
  });

  it('with __proto__ keys runs without polluting anything', async () => {
    await plant({
      data: '{"v":1,"args":[{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}],"__proto__":{"polluted":true},"headers":{"__proto__":{"polluted":true}}}',
    });
    await ended();
    const value = (await stage.app.result<object>(id).get({ timeout: '10s' })) as object;
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect('polluted' in {}).toBe(false);
    expect(await stage.app.sendTask('polluted').get({ timeout: '10s' })).toBe(false);
  });

  it('of rubbish by the hundred delays its neighbours, and no more', async () => {
    const pipeline = stage.redis.pipeline();
    for (let x = 0; x < 300; x++) {
      const key = `rubbish-${x}`;
      const data = ['{', '[]', '{"v":2}', '"text"'][x % 4] ?? '';
      pipeline
        .hset(stage.key(key), {
          name: 'rubbish',
          data,
          opts: x % 3 === 0 ? '{' : '{}',
          timestamp: '1',
        })
        .lpush(stage.key('wait'), key);
    }
    await pipeline.exec();
    await amongNeighbours(async () => {
      const calls = [...Array(50).keys()].map((x) => stage.app.sendTask('echo', [x]));
      expect(await Promise.all(calls.map((call) => call.get({ timeout: '20s' })))).toEqual([
        ...Array(50).keys(),
      ]);
    });
    await until('all rubbish was set aside', async () => {
      const failed = await stage.redis.zrange(stage.key('failed'), 0, -1);
      return failed.filter((key) => key.startsWith('rubbish-')).length === 300;
    });
  });
});

describe('a caller', () => {
  it('passes over what is no result on its channel', async () => {
    const call = await stage.app.sendTask('gated', [`push-${count}`, 5]);
    const { reply } = JSON.parse((await stage.redis.hget(stage.key(call.id), 'data')) ?? '{}') as {
      reply: string;
    };
    const steps: unknown[] = [];
    const value = call.get({ timeout: '20s', onProgress: (details) => void steps.push(details) });
    const channel = `${stage.prefix}:c:${reply}`;
    await until(
      'the caller listens',
      async () => ((await stage.redis.pubsub('NUMSUB', channel))[1] as number) > 0,
    );
    const rubbish = [
      '',
      'rubbish',
      '{}',
      'null',
      '42',
      '[null,1,"x",[]]',
      `[{"id":"${call.id}"}]`,
      `[{"v":2,"id":"${call.id}","state":"SUCCESS"}]`,
      `[{"v":1,"id":7,"state":"SUCCESS"}]`,
      '[{"v":1,"id":"other","state":"SUCCESS","value":{"$date":1}}]',
    ];
    for (const text of rubbish) expect(await stage.redis.publish(channel, text)).toBe(1);
    stage.trace.open(`push-${count}`);
    expect(await value).toMatchObject({ square: 25 });
    expect(steps).toEqual([]);
  });

  it.each([
    ['rubbish', 'rubbish'],
    ['JSON that is no outcome', '{"some":"thing"}'],
    ['an outcome of another version', '{"v":2,"id":"x","state":"SUCCESS"}'],
    [
      'a value that cannot be decoded',
      '{"v":1,"id":"x","state":"SUCCESS","at":1,"value":{"$date":"soon"}}',
    ],
  ])('is told by get() that a stored result is %s', async (_what, text) => {
    await stage.redis.set(`${stage.prefix}:r:${id}`, text, 'PX', 60_000);
    expect(await rejection(stage.app.result(id).get({ timeout: '10s' }))).toBeInstanceOf(
      DecodeError,
    );
    expect(await rejection(stage.app.result(id).state())).toBeInstanceOf(DecodeError);
  });

  it('hears of a failure whose error is no error', async () => {
    await stage.redis.set(
      `${stage.prefix}:r:${id}`,
      JSON.stringify({ v: 1, id, state: 'FAILURE', at: 1, error: 'just words' }),
      'PX',
      60_000,
    );
    const error = await rejection(stage.app.result(id).get({ timeout: '10s' }));
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error.message).toContain('just words');
  });
});
