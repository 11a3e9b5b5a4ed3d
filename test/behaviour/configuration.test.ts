/** Configuration: options, the environment, defaults, and what is said of values that cannot be. */
import { App, type AppOptions, ConfigError } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker, type WorkerOptions } from 'dtask/worker';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { rejection, thrown } from './rejection.js';

afterEach(() => vi.unstubAllEnvs());

const away = 'redis://127.0.0.1:1';

describe('an App', () => {
  test('has defaults for all that it is not told', () => {
    expect(new App('shop').config).toEqual({
      broker: 'redis://127.0.0.1:6379/0',
      prefix: 'dtask',
      shards: [],
      defaultQueue: 'default',
      sendTimeout: 10_000,
      resultExpires: 86_400_000,
      maxPayload: 1_048_576,
      sendEvents: false,
      eventsKept: 100_000,
      timezone: 'UTC',
      tracing: false,
    });
  });

  test('takes its options, with durations as words or milliseconds', () => {
    const timezone = 'Europe/Paris';
    const events = { sendEvents: true, eventsKept: 500, tracing: true, timezone };
    const options = {
      broker: away,
      prefix: 'p',
      shards: 3,
      defaultQueue: 'q',
      maxPayload: 5,
      ...events,
    };
    const app = new App('shop', { ...options, sendTimeout: '1.5s', resultExpires: 250 });
    expect(app.config).toEqual({ ...options, sendTimeout: 1_500, resultExpires: 250 });
    expect(Object.isFrozen(app.config)).toBe(true);
    expect(app.name).toBe('shop');
  });

  test('takes from the environment what its options leave out', () => {
    vi.stubEnv('DTASK_BROKER_URL', 'redis://10.0.0.7:6380/3');
    vi.stubEnv('DTASK_PREFIX', 'env');
    vi.stubEnv('DTASK_SHARDS', 'redis://10.0.0.8, redis://10.0.0.9:6380/1');
    vi.stubEnv('DTASK_DEFAULT_QUEUE', 'mail');
    vi.stubEnv('DTASK_SEND_TIMEOUT', '2s');
    vi.stubEnv('DTASK_RESULT_EXPIRES', '1000');
    vi.stubEnv('DTASK_MAX_PAYLOAD', '2048');
    vi.stubEnv('DTASK_SEND_EVENTS', 'yes');
    vi.stubEnv('DTASK_EVENTS_KEPT', '200');
    vi.stubEnv('DTASK_TRACING', 'true');
    vi.stubEnv('DTASK_TIMEZONE', 'Asia/Tokyo');
    expect(new App('shop').config).toEqual({
      broker: 'redis://10.0.0.7:6380/3',
      prefix: 'env',
      shards: ['redis://10.0.0.8', 'redis://10.0.0.9:6380/1'],
      defaultQueue: 'mail',
      sendTimeout: 2_000,
      resultExpires: 1_000,
      maxPayload: 2_048,
      sendEvents: true,
      eventsKept: 200,
      timezone: 'Asia/Tokyo',
      tracing: true,
    });
    expect(new App('shop', { prefix: 'code', broker: away }).config).toMatchObject({
      prefix: 'code',
      broker: away,
      defaultQueue: 'mail',
    });
  });

  test('finds its broker by DTASK_BROKER_URL', async () => {
    await using engine = await startEmbedded({ dir: false });
    vi.stubEnv('DTASK_BROKER_URL', engine.url);
    await using app = new App('shop');
    const { id } = await app.sendTask('any');
    expect(await app.result(id).state()).toBe('PENDING');
  });

  test.each<[object, string | RegExp]>([
    [{ brokr: away }, 'app shop has no option "brokr"; did you mean broker?'],
    [{ backend: away }, /^app shop has no option "backend"; it takes broker, prefix, /],
    [{ sendTimeout: 'soon' }, /^sendTimeout must be a number of milliseconds .* got "soon"$/],
    [{ sendTimeout: -1 }, /^sendTimeout must be .* got -1$/],
    [{ maxPayload: 0 }, 'maxPayload must be a whole number of at least 1, got 0'],
    [
      { timezone: 'Europe/Pariss' },
      'timezone "Europe/Pariss" is not a time zone; did you mean Europe/Paris?',
    ],
    [{ tracing: 'maybe' }, 'tracing must be true or false, got "maybe"'],
    [{ prefix: 'a b' }, 'prefix must be letters, digits and any of . _ @ : -, got "a b"'],
    [{ defaultQueue: '' }, 'defaultQueue must be letters, digits and any of . _ @ -, got ""'],
    [{ tasks: [5] }, /^register\(\) takes a task/],
  ])('refuses what it cannot use: %j', (options, message) => {
    const error = thrown(() => new App('shop', options as AppOptions));
    if (typeof message === 'string') expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
  });

  test.each([
    ['DTASK_SEND_TIMEOUT', 'soon', /^DTASK_SEND_TIMEOUT must be .* got "soon"$/],
    ['DTASK_MAX_PAYLOAD', '1.5', /^DTASK_MAX_PAYLOAD must be a whole number of at least 1, got/],
    ['DTASK_PREFIX', 'a b', /^DTASK_PREFIX must be letters/],
    ['DTASK_SEND_EVENTS', 'maybe', /^DTASK_SEND_EVENTS must be true or false, got "maybe"$/],
  ])('names the variable whose value it cannot use: %s=%s', (name, value, message) => {
    vi.stubEnv(name, value);
    const error = thrown(() => new App('shop'));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
  });

  test.each(['', 'two words', 'x'.repeat(65), 5])('needs a name that is one word: %j', (name) => {
    expect(() => new App(name as string)).toThrow(/an App's name must be 1 to 64 letters/);
  });
});

describe('a broker address', () => {
  test.each([
    ['not a url at all', /broker is not a URL: got \*\*\*; write redis:/],
    ['http://127.0.0.1', /broker http:\/\/127\.0\.0\.1 cannot be used: its scheme is http/],
    ['redis://127.0.0.1:6379/first', /its path must be the number of a database, such as \/0/],
  ])('that cannot be used is refused: %s', (broker, message) => {
    const error = thrown(() => new App('shop', { broker }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
  });

  test.each([
    'redis://user:hunter2@127.0.0.1:1/0',
    'redis://:hunter2@127.0.0.1:1/0',
    'redis://user:hunt@hunter2@127.0.0.1:1/0',
  ])('never shows its password in an error: %s', async (broker) => {
    await using app = new App('shop', { broker, sendTimeout: 150 });
    const error = await rejection(app.sendTask('any'));
    expect(describeAll(error)).not.toContain('hunter2');
    expect(error.message).toContain('127.0.0.1');
  });
});

/** What a logger would print of an error: messages and stacks, causes included. */
function describeAll(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = Object.values(error as object).map(String);
  return [error.message, error.stack, ...own, describeAll(error.cause)].join('\n');
}

describe('a worker', () => {
  const app = new App('shop', { broker: away });

  test('has defaults for all that it is not told', () => {
    expect(new Worker(app).config).toMatchObject({
      concurrency: 10,
      logLevel: 'info',
      lockDuration: 20_000,
      stalledInterval: 2_000,
    });
    expect(new Worker(app).name).toMatch(new RegExp(`^shop@.+\\.${process.pid}$`));
    expect(new Worker(app).queues).toEqual(['default']);
  });

  test('takes from the environment what its options leave out', () => {
    vi.stubEnv('DTASK_QUEUES', 'mail, images');
    vi.stubEnv('DTASK_CONCURRENCY', '3');
    vi.stubEnv('DTASK_WORKER_NAME', 'night');
    vi.stubEnv('DTASK_LOG_LEVEL', 'silent');
    const worker = new Worker(app, { concurrency: 7 });
    expect(worker.queues).toEqual(['mail', 'images']);
    expect(worker.name).toBe('night');
    expect(worker.config).toMatchObject({ concurrency: 7, logLevel: 'silent' });
  });

  test.each<[object, RegExp]>([
    [{ concurency: 2 }, /^the worker has no option "concurency"; did you mean concurrency\?/],
    [{ concurrency: 0 }, /^concurrency must be a whole number of at least 1, got 0/],
    [{ concurrency: 'many' }, /^concurrency must be .* got "many"/],
    [{ logLevel: 'loud' }, /^logLevel must be one of trace, debug, .* got "loud"/],
    [{ queues: 5 }, /^queues must be names parted by commas, each of letters, .* got 5/],
    [{ name: 'a b' }, /^name must be letters/],
    [{ lockDuration: 'long' }, /^lockDuration must be/],
  ])('refuses what it cannot use: %j', (options, message) => {
    const error = thrown(() => new Worker(app, options as WorkerOptions));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
  });
});
