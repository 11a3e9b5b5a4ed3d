/** Every setting of dtask, in one table. */
import { boolean, bytes, duration, integer, list, type Setting, text } from './setting.js';

const name = /^[\w.@:-]+$/;
const queueName = /^[\w.@-]+$/;

/** What an App takes, in its options or the environment. */
export const appSettings = {
  broker: text({
    default: 'redis://127.0.0.1:6379/0',
    env: 'DTASK_BROKER_URL',
    doc: 'Address of the Redis or Valkey server: `redis://[user:password@]host:port/db`, or `rediss://` for TLS.',
  }),
  prefix: text({
    default: 'dtask',
    env: 'DTASK_PREFIX',
    pattern: name,
    expects: 'letters, digits and any of . _ @ : -',
    doc: 'First part of every key in Redis. Apps with different prefixes do not see each other.',
  }),
  defaultQueue: text({
    default: 'default',
    env: 'DTASK_DEFAULT_QUEUE',
    pattern: queueName,
    expects: 'letters, digits and any of . _ @ -',
    doc: 'Queue of the tasks and calls that name none.',
  }),
  sendTimeout: duration({
    default: 10_000,
    defaultText: '10s',
    env: 'DTASK_SEND_TIMEOUT',
    doc: 'How long a call waits for Redis to take its message before it is rejected.',
  }),
  resultExpires: duration({
    default: 86_400_000,
    defaultText: '1d',
    env: 'DTASK_RESULT_EXPIRES',
    doc: 'How long a result is kept; 0 keeps it for ever.',
  }),
  maxPayload: bytes({
    default: 1024 * 1024,
    env: 'DTASK_MAX_PAYLOAD',
    doc: 'Largest message and largest result, in bytes of JSON.',
  }),
  sendEvents: boolean({
    default: false,
    env: 'DTASK_SEND_EVENTS',
    doc: 'Whether each message that is sent is an event: `task-sent`.',
  }),
  eventsKept: integer({
    default: 100_000,
    minimum: 100,
    env: 'DTASK_EVENTS_KEPT',
    doc: 'About how many events are kept for those who ask later; the oldest go first.',
  }),
} as const satisfies Record<string, Setting<unknown>>;

/** What a worker takes, in its options, its flags or the environment. */
export const workerSettings = {
  queues: list({
    default: [],
    env: 'DTASK_QUEUES',
    pattern: queueName,
    expects: 'letters, digits and any of . _ @ -',
    flag: '-Q, --queues <names>',
    doc: 'Queues to take tasks from, parted by commas; without it the default queue and the queues that registered tasks name.',
  }),
  concurrency: integer({
    default: 10,
    minimum: 1,
    env: 'DTASK_CONCURRENCY',
    flag: '-c, --concurrency <n>',
    doc: 'How many tasks run at a time.',
  }),
  name: text({
    default: '',
    env: 'DTASK_WORKER_NAME',
    pattern: name,
    expects: 'letters, digits and any of . _ @ : -',
    flag: '-n, --name <name>',
    defaultText: 'app@host.pid',
    doc: 'Name of the worker, which no other live worker may have.',
  }),
  logLevel: text({
    default: 'info',
    env: 'DTASK_LOG_LEVEL',
    pattern: /^(trace|debug|info|warn|error|fatal|silent)$/,
    expects: 'one of trace, debug, info, warn, error, fatal, silent',
    flag: '-l, --log-level <level>',
    doc: 'Least level that is logged.',
  }),
  lockDuration: duration({
    default: 5_000,
    defaultText: '5s',
    env: 'DTASK_LOCK_DURATION',
    flag: '--lock-duration <time>',
    doc: "How long a running task stays claimed after its worker's last sign of life. Renewed at half this time.",
  }),
  stalledInterval: duration({
    default: 2_000,
    defaultText: '2s',
    env: 'DTASK_STALLED_INTERVAL',
    flag: '--stalled-interval <time>',
    doc: 'How often workers look for tasks whose worker has died.',
  }),
  events: boolean({
    default: false,
    env: 'DTASK_EVENTS',
    flag: '-E, --events',
    doc: 'Whether it tells of its tasks and of itself by events.',
  }),
} as const satisfies Record<string, Setting<unknown>>;
