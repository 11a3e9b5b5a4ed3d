/** An address that cannot be used is refused when the App is made, and no secret of it is ever shown. */
import { inspect } from 'node:util';
import { App, type AppOptions, BrokerError, ConfigError } from 'dtask';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { runDtask } from '../support/dtask-process.js';
import { Engine } from '../support/engine.js';
import { setStage } from '../support/stage.js';

afterEach(() => vi.unstubAllEnvs());

const secret = 'hunter2';

/** Whatever of an error could be printed: its message, its stack, its causes, their fields. */
const everything = (error: unknown): string =>
  `${inspect(error, { depth: Infinity, showHidden: true })} ${JSON.stringify(error)}`;

function refusalOf(options: AppOptions): ConfigError {
  try {
    void new App('shop', options);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error('the App was made');
}

/** Each with what is wrong with it. */
const wrong: readonly (readonly [string, RegExp])[] = [
  [`redis://:${secret}%@db`, /percent-encode it as %25/],
  [`redis://:${secret}/@db`, /percent-encode it as %2F/],
  [`redis://:${secret}?@db`, /percent-encode it as %3F/],
  [`redis://:${secret}#@db`, /percent-encode it as %23/],
  [`redis://db?password=${secret}`, /got password; user and password go ahead of the host/],
  [`redis://db/0?${secret}`, /it takes no parameters/],
  [`redis://db/0?db=3&token=${secret}`, /got db, token; the database goes into the path/],
  [`redis://db/0#${secret}`, /it has a #/],
  [`redis://user:${secret}`, /must be host or host:port/],
  [`redis://db/${secret}`, /must be the number of a database/],
  [`${secret}`, /is not a URL/],
  [`user:${secret}@db:6379`, /is not a URL/],
  [`http://user:${secret}@db`, /its scheme is http/],
  [`redis+cluster://:${secret}%@a,b`, /percent-encode it as %25/],
  [`redis+cluster://:${secret}@a,b?token=${secret}`, /it takes no parameters/],
  [`redis+sentinel://:${secret}@a,b`, /what they call the primary/],
  [`rediss+sentinel://:${secret}/@a,b/main`, /percent-encode it as %2F/],
];

describe('an address that cannot be used', () => {
  test.each(wrong)('%s is refused as the broker, by the option and the variable', (url, why) => {
    const byOption = refusalOf({ broker: url });
    expect(byOption.message).toMatch(why);
    expect(byOption.message).toMatch(/^broker /);
    vi.stubEnv('DTASK_BROKER_URL', url);
    const byVariable = refusalOf({});
    expect(byVariable.message).toMatch(why);
    expect(byVariable.message).toMatch(/^DTASK_BROKER_URL /);
    expect(everything(byOption) + everything(byVariable)).not.toContain(secret);
  });

  const withScheme = wrong.filter(([url]) => url.includes('://'));
  test.each(withScheme)('%s is refused as a shard, by the option and the variable', (url) => {
    const byOption = refusalOf({ shards: ['redis://a', url] });
    vi.stubEnv('DTASK_SHARDS', `redis://a,${url}`);
    const byVariable = refusalOf({});
    expect(everything(byOption) + everything(byVariable)).not.toContain(secret);
  });

  test('is refused where it is of a wrong kind, or at a wrong place', () => {
    const url = `redis://:${secret}@db`;
    const refusals = [
      refusalOf({ broker: { url } as never }),
      refusalOf({ broker: [url] as never }),
      refusalOf({ shards: [url, 5] as never }),
      refusalOf({ shards: { a: url } as never }),
      refusalOf({ prefix: url }),
      refusalOf({ sendTimeout: url as never }),
      refusalOf({ timezone: url }),
    ];
    expect(refusals.map(everything).join(' ')).not.toContain(secret);
    expect(() => new App(url)).not.toThrow(secret);
  });
});

describe('an address that can be used', () => {
  test('stands for what is encoded in it', async () => {
    await using locked = await Engine.start();
    const password = `${secret}/?#%@: "é`;
    const { redis, prefix } = setStage(locked.url);
    await redis.acl('SETUSER', 'a/b', 'on', `>${password}`, '~*', '&*', '+@all');
    const login = `${encodeURIComponent('a/b')}:${encodeURIComponent(password)}`;
    const app = new App('shop', { broker: `redis://${login}@127.0.0.1:${locked.port}/1`, prefix });
    onTestFinished(() => app.close());
    await app.sendTask('any');
    expect(await app.queues.counts('default')).toMatchObject({ waiting: 1 });
  });

  test('shows no password in the errors of a server that refuses it', async () => {
    await using locked = await Engine.start();
    const { redis, prefix } = setStage(locked.url);
    await redis.config('SET', 'requirepass', 'another');
    const broker = `redis://:${secret}@127.0.0.1:${locked.port}/0`;
    const app = new App('shop', { broker, prefix, sendTimeout: '300ms' });
    onTestFinished(() => app.close());
    const errors = await Promise.all([
      app.sendTask('any').then(undefined, (error: unknown) => error),
      app.queues.names().then(undefined, (error: unknown) => error),
    ]);
    for (const error of errors) {
      expect(error).toBeInstanceOf(BrokerError);
      expect((error as Error).message).toMatch(/refuses the connection: WRONGPASS/);
      expect(everything(error)).not.toContain(secret);
    }
  });

  test('that the commands cannot use is said by them, without the secret', async () => {
    const commands = [['report'], ['queues'], ['worker', '-A', 'faults/app.ts'], ['call', 'any']];
    const ends = await Promise.all(
      commands.map((args, at) =>
        runDtask(args, { env: { DTASK_BROKER_URL: String(wrong[at * 2]?.[0]) } }),
      ),
    );
    for (const { code, stdout, stderr } of ends) {
      expect(code).toBe(1);
      expect(stderr).toContain('DTASK_BROKER_URL');
      expect(stdout + stderr).not.toContain(secret);
    }
  });
});
