/** TLS: servers are checked against an authority by setting, and show a certificate themselves where they ask. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { App, type AppOptions, ConfigError, type TlsOptions } from 'dtask';
import { Beat, Worker } from 'dtask/worker';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Certificates, type Signed } from '../support/certificates.js';
import { runDtask } from '../support/dtask-process.js';
import { freePorts } from '../support/free-ports.js';
import { ServerProcess } from '../support/server-process.js';
import { unseenApp } from '../support/unseen-app.js';
import { until } from '../support/until.js';

let certificates: Certificates;
let own: Signed;
let server: ServerProcess;
let tlsPort: number;
let url: string;
let tls: TlsOptions;

/** What has a server speak TLS on a port, to those who have a certificate. */
const tlsSettings = (port: number, { cert, key }: Signed): Record<string, string | number> => ({
  'tls-port': port,
  'tls-cert-file': cert,
  'tls-key-file': key,
  'tls-ca-cert-file': certificates.ca,
  'tls-auth-clients': 'yes',
});

const common = { bind: '127.0.0.1', save: '' };

beforeAll(async () => {
  certificates = new Certificates();
  own = certificates.sign('app');
  const [port = 0, free = 0] = await freePorts(2);
  tlsPort = free;
  const signed = certificates.sign('server');
  server = new ServerProcess(port, { port, ...common, ...tlsSettings(tlsPort, signed) });
  await server.redis.ping();
  url = `rediss://127.0.0.1:${tlsPort}/0`;
  tls = { ca: certificates.ca, ...own };
});

afterAll(async () => {
  await server.kill();
  certificates[Symbol.dispose]();
});

afterEach(() => vi.unstubAllEnvs());

/** Has a call go through each kind of connection. */
async function goesThrough(app: App): Promise<void> {
  const add = app.task('add', (a: number, b: number) => a + b);
  const worker = new Worker(app, { name: 'one', logLevel: 'silent' });
  await worker.start();
  onTestFinished(() => worker.stop());
  expect(await add.delay(1, 2).get({ timeout: '20s' })).toBe(3);
  expect(await app.inspect.ping({ timeout: '20s' })).toEqual({ one: { ok: 'pong' } });
}

test('callers, workers, their control and lock keeper, and beats go by TLS', async () => {
  const app = unseenApp({ broker: url, tls, beat: { often: { task: 'add', every: '1h' } } });
  await goesThrough(app);
  const beat = new Beat(app, { logLevel: 'silent' });
  await beat.start();
  onTestFinished(() => beat.stop());
  await until('the lock keeper is connected as well', async () => {
    const clients = String(await server.redis.client('LIST'));
    const roles = ['caller', 'worker', 'control', 'lock-keeper', 'beat'];
    return roles.every((role) => clients.includes(`name=dtask:${role}`));
  });
});

test('the commands take it from the environment, as paths', async () => {
  const env = {
    DTASK_BROKER_URL: url,
    DTASK_TLS_CA: certificates.ca,
    DTASK_TLS_CERT: own.cert,
    DTASK_TLS_KEY: own.key,
  };
  const [queues, report, without] = await Promise.all([
    runDtask(['queues', '--json'], { env }),
    runDtask(['report'], { env }),
    runDtask(['queues'], { env: { DTASK_BROKER_URL: url, DTASK_SEND_TIMEOUT: '500ms' } }),
  ]);
  expect(queues).toMatchObject({ code: 0 });
  expect(report.code).toBe(0);
  expect(report.stdout).not.toMatch(/BEGIN|app\.key/);
  expect(without.code).toBe(1);
  expect(without.stderr).toMatch(/certificate/);
});

test('a certificate may be given as its text', async () => {
  const [ca, cert, key] = [certificates.ca, own.cert, own.key].map((file) =>
    readFileSync(file, 'utf8'),
  );
  const app = unseenApp({ broker: url, tls: { ca, cert, key } as TlsOptions });
  await app.sendTask('any');
  expect(inspect(app.inspect, { depth: 0 })).not.toContain('BEGIN');
});

describe('a server is refused', () => {
  const refusal = async (options: AppOptions): Promise<string> => {
    const app = unseenApp({ broker: url, sendTimeout: '500ms', ...options });
    return app.sendTask('any').then(
      () => 'it was taken',
      (error: unknown) => (error as Error).message,
    );
  };

  test('whose certificate is of another authority', async () => {
    using others = new Certificates();
    expect(await refusal({ tls: { ...tls, ca: others.ca } })).toMatch(/certificate|signature/);
  });

  test('that has another name, unless that is the one that is asked for', async () => {
    const [port = 0, free = 0] = await freePorts(2);
    const signed = certificates.sign('named', ['DNS:redis.internal']);
    const named = new ServerProcess(port, { port, ...common, ...tlsSettings(free, signed) });
    onTestFinished(() => named.kill());
    await named.redis.ping();
    const broker = `rediss://127.0.0.1:${free}`;
    expect(await refusal({ broker, tls })).toMatch(/not in the cert's list|altnames/);
    expect(await refusal({ broker, tls: { ...tls, servername: 'redis.internal' } })).toBe(
      'it was taken',
    );
    expect(await refusal({ broker, tls: { ...tls, rejectUnauthorized: false } })).toBe(
      'it was taken',
    );
  });

  test('that asks for a certificate, where none was given', async () => {
    expect(await refusal({ tls: { ca: certificates.ca } })).not.toBe('it was taken');
  });
});

test('sentinels may have an authority of their own', async () => {
  using others = new Certificates();
  const [port = 0, sentinelPort = 0] = await freePorts(2);
  const { cert, key } = others.sign('sentinel');
  const file = join(others.dir, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    `tls-port ${sentinelPort}`,
    'bind 127.0.0.1',
    `dir ${others.dir}`,
    'tls-replication no',
    `tls-cert-file ${cert}`,
    `tls-key-file ${key}`,
    `tls-ca-cert-file ${others.ca}`,
    'tls-auth-clients no',
    `sentinel monitor main 127.0.0.1 ${tlsPort} 1`,
  ];
  writeFileSync(file, lines.join('\n'));
  const sentinel = new ServerProcess(port, {}, [file, '--sentinel']);
  onTestFinished(() => sentinel.kill());
  await sentinel.redis.ping();
  const broker = `rediss+sentinel://127.0.0.1:${sentinelPort}/main`;
  const app = unseenApp({ broker, tls, sentinelTls: { ca: others.ca } });
  await app.sendTask('any');
  expect(await app.queues.counts('default')).toMatchObject({ waiting: 1 });
  const without = unseenApp({ broker, tls, sendTimeout: '1s' });
  await expect(without.sendTask('any')).rejects.toThrow(
    /none of its sentinels says where it is .*certificate/,
  );
});

test('the nodes of a cluster are reached by TLS', async () => {
  const [port = 0, nodePort = 0, bus = 0] = await freePorts(3);
  const node = new ServerProcess(port, {
    ...{ port, ...common, ...tlsSettings(nodePort, certificates.sign('node')) },
    ...{
      dir: certificates.dir,
      'cluster-enabled': 'yes',
      'cluster-port': bus,
      'tls-cluster': 'yes',
    },
    'cluster-config-file': `nodes-${port}.conf`,
  });
  onTestFinished(() => node.kill());
  await node.redis.cluster('ADDSLOTSRANGE', 0, 16_383);
  await until('it has all slots', async () =>
    String(await node.redis.cluster('INFO')).includes('cluster_state:ok'),
  );
  await goesThrough(
    unseenApp({ broker: `rediss+cluster://127.0.0.1:${nodePort}`, tls, shards: 2 }),
  );
});

describe('what cannot be used is refused when the App is made', () => {
  const secret = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg';
  test.each<[string, () => AppOptions, RegExp]>([
    [
      'certificates without TLS',
      () => ({ broker: 'redis://a', tls }),
      /write rediss:\/\/ in place of redis/,
    ],
    [
      'those of sentinels without any',
      () => ({ broker: url, sentinelTls: tls }),
      /no address is one of sentinels/,
    ],
    [
      'a file that is not there',
      () => ({ broker: url, tls: { ca: '/no/ca.pem' } }),
      /tls\.ca must be the path .*\/no\/ca\.pem \(ENOENT\)/,
    ],
    [
      'a file of something else',
      () => ({ broker: url, tls: { ca: '/etc/hostname' } }),
      /tls\.ca must be of PEM/,
    ],
    [
      'a certificate without its key',
      () => ({ broker: url, tls: { cert: own.cert } }),
      /go together, got only tls\.cert/,
    ],
    [
      'a key of another certificate',
      () => ({ broker: url, tls: { cert: own.cert, key: certificates.sign('x').key } }),
      /tls cannot be used: .*key values mismatch/,
    ],
    ['a key as an authority', () => ({ broker: url, tls: { ca: own.key } }), /tls cannot be used/],
    [
      'a key without its first line',
      () => ({ broker: url, tls: { key: `${secret}+=` } }),
      /tls\.key must be the path .*got \*\*\*/,
    ],
    [
      'an unknown part',
      () => ({ broker: url, tls: { certificate: 'x' } as never }),
      /tls has no option "certificate"/,
    ],
    ['no object', () => ({ broker: url, tls: true as never }), /tls must be an object/],
  ])('%s', (_what, options, message) => {
    let error: unknown;
    try {
      void new App('shop', options());
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(message);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret);
  });

  test('also from the environment, by the name of the variable', () => {
    vi.stubEnv('DTASK_TLS_CA', '/no/ca.pem');
    expect(() => new App('shop', { broker: url })).toThrow(/^DTASK_TLS_CA must be the path/);
  });
});
