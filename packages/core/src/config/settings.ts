/** Every setting of dtask, in one table. */
import { zoneOf } from '../schedule/zone.js';
import { brokerAddress } from './broker-address.js';
import { type PoolKind, poolKinds } from './pool-kind.js';
import { shardPlaces } from './shard-places.js';
import { boolean, bytes, choice, duration, integer, list, type Setting, text } from './setting.js';

const name = /^[\w.@:-]+$/;
/** Of a worker, with placeholders. */
const nameFormat = /^[\w.@:%-]+$/;
const queueName = /^[\w.@-]+$/;

/** What an App takes, in its options or the environment. */
export const appSettings = {
  broker: brokerAddress({
    default: 'redis://127.0.0.1:6379/0',
    env: 'DTASK_BROKER_URL',
    doc: 'Address of the Redis or Valkey server: `redis://[user:password@]host:port/db`; of a Redis Cluster `redis+cluster://[user:password@]host:port,host2:port`; by sentinels `redis+sentinel://[user:password@]host:port,host2:port/name/db`. With `rediss` in the place of `redis` it is by TLS.',
  }),
  prefix: text({
    default: 'dtask',
    env: 'DTASK_PREFIX',
    pattern: name,
    expects: 'letters, digits and any of . _ @ : -',
    doc: 'First part of every key in Redis. Apps with different prefixes do not see each other.',
  }),
  shards: shardPlaces({
    env: 'DTASK_SHARDS',
    doc: "Servers over which tasks and their results are spread: their addresses, parted by commas, or a number of places on the broker's own server or cluster.",
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
    doc: 'Whether an app tells by events what it sends, `task-sent`, and what it revokes that waits, `task-revoked`.',
  }),
  eventsKept: integer({
    default: 100_000,
    minimum: 100,
    env: 'DTASK_EVENTS_KEPT',
    doc: 'About how many events are kept for those who ask later; the oldest go first.',
  }),
  timezone: {
    ...text({
      default: 'UTC',
      env: 'DTASK_TIMEZONE',
      doc: 'IANA time zone of the periodic tasks that name none, such as `Europe/Paris`.',
    }),
    parse: zoneOf,
  },
  tracing: boolean({
    default: false,
    env: 'DTASK_TRACING',
    doc: 'Whether calls and runs make spans of OpenTelemetry, and messages carry the trace; needs `@opentelemetry/api`.',
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
    doc: 'Queues to take tasks from, parted by commas; without it the default queue, the queues that registered tasks and their routes name, and the broadcast queues.',
  }),
  onlyShards: list({
    default: [],
    env: 'DTASK_ONLY_SHARDS',
    pattern: /^\d+(-\d+)?$/,
    expects: 'numbers or ranges of them, such as 0 or 2-3',
    flag: '--only-shards <numbers>',
    defaultText: '(all)',
    doc: "Which of the app's shards to take tasks from, such as `0,2-3`.",
  }),
  excludeQueues: list({
    default: [],
    env: 'DTASK_EXCLUDE_QUEUES',
    pattern: queueName,
    expects: 'letters, digits and any of . _ @ -',
    flag: '-X, --exclude-queues <names>',
    doc: 'Queues not to take tasks from, parted by commas.',
  }),
  pool: choice<PoolKind>({
    default: 'inline',
    of: poolKinds,
    env: 'DTASK_POOL',
    flag: '-P, --pool <kind>',
    doc: "Where the code of tasks runs: `inline` on the worker's event loop (for code that waits), in `threads` or in `processes` (for code that computes, hangs, leaks or crashes).",
  }),
  concurrency: integer({
    default: 0,
    minimum: 1,
    env: 'DTASK_CONCURRENCY',
    flag: '-c, --concurrency <n>',
    defaultText: '10 inline, else the number of CPUs',
    doc: 'How many tasks run at a time, each in a child of its own where the pool is threads or processes.',
  }),
  autoscale: text({
    default: '',
    env: 'DTASK_AUTOSCALE',
    pattern: /^\d+,\d+$/,
    expects: "two whole numbers, such as '10,2'",
    flag: '--autoscale <max,min>',
    defaultText: '(none)',
    doc: 'Between how many tasks at a time to scale: up while there is a backlog, down after 30 s of less.',
  }),
  timeLimit: duration({
    default: 0,
    defaultText: '(none)',
    env: 'DTASK_TIME_LIMIT',
    flag: '--time-limit <time>',
    doc: 'Longest run of tasks that do not say so themselves. Then the child is killed and the task fails.',
  }),
  softTimeLimit: duration({
    default: 0,
    defaultText: '(none)',
    env: 'DTASK_SOFT_TIME_LIMIT',
    flag: '--soft-time-limit <time>',
    doc: "After this time a task's `signal` fires, for tasks that do not say so themselves.",
  }),
  maxTasksPerChild: integer({
    default: 0,
    minimum: 0,
    env: 'DTASK_MAX_TASKS_PER_CHILD',
    flag: '--max-tasks-per-child <n>',
    defaultText: '(no limit)',
    doc: 'How many tasks a child runs before a new one takes its place.',
  }),
  maxMemoryPerChild: bytes({
    default: 0,
    env: 'DTASK_MAX_MEMORY_PER_CHILD',
    flag: '--max-memory-per-child <size>',
    defaultText: '(no limit)',
    doc: 'Memory of a child, such as `200MB`, above which a new one takes its place when its task has ended.',
  }),
  shutdownTimeout: duration({
    default: 0,
    defaultText: '(none)',
    env: 'DTASK_SHUTDOWN_TIMEOUT',
    flag: '--shutdown-timeout <time>',
    doc: 'How long a worker that was told to stop waits for its tasks. Then they go back to their queues. 0 waits for ever.',
  }),
  name: text({
    default: '',
    env: 'DTASK_WORKER_NAME',
    pattern: nameFormat,
    expects: 'letters, digits and any of . _ @ : - %',
    flag: '-n, --name <name>',
    defaultText: 'app@host.pid',
    doc: 'Name of the worker, which no other live worker may have. It may have %h (host), %n (host without domain), %d (domain), %i and %I (number under --workers), %a (app).',
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
    default: 20_000,
    minimum: 500,
    defaultText: '20s',
    env: 'DTASK_LOCK_DURATION',
    flag: '--lock-duration <time>',
    doc: 'How long a running task stays claimed by a worker that says nothing, though its connection stands: it is frozen or gets no CPU, or its machine is gone. One whose connection is closed, as that of a killed worker, loses its tasks after 5 s, or after this time if that is shorter.',
  }),
  stalledInterval: duration({
    default: 2_000,
    minimum: 100,
    defaultText: '2s',
    env: 'DTASK_STALLED_INTERVAL',
    flag: '--stalled-interval <time>',
    doc: 'How often workers look for tasks whose worker has died.',
  }),
  profile: text({
    default: '',
    env: 'DTASK_PROFILE',
    flag: '--profile [folder]',
    flagAlone: 'profiles',
    defaultText: '(none)',
    doc: 'Folder to which the worker and each of its children write a CPU profile when they end; the flag alone is `profiles`.',
  }),
  httpPort: integer({
    default: -1,
    minimum: 0,
    maximum: 65_535,
    env: 'DTASK_HTTP_PORT',
    flag: '--http-port <port>',
    defaultText: '(none)',
    doc: 'Port on which the worker answers `/healthz`, `/readyz` and `/metrics`; 0 takes any free one, which the log names.',
  }),
  httpHost: text({
    default: '127.0.0.1',
    env: 'DTASK_HTTP_HOST',
    pattern: /^[\w.:%-]+$/,
    expects: 'a host name or an IP address',
    flag: '--http-host <host>',
    defaultText: '127.0.0.1',
    doc: 'Address that the port is opened on. Whoever reaches it needs no password: give `0.0.0.0` only where the network is yours, as in a container.',
  }),
  keepFailed: integer({
    default: 10_000,
    minimum: 0,
    env: 'DTASK_KEEP_FAILED',
    flag: '--keep-failed <n>',
    doc: 'How many failed tasks of a queue are kept, the newest; 0 keeps none.',
  }),
  keepFailedFor: duration({
    default: 604_800_000,
    defaultText: '7d',
    env: 'DTASK_KEEP_FAILED_FOR',
    flag: '--keep-failed-for <time>',
    doc: 'How long failed tasks are kept; 0 keeps them for ever. Those that are too old go when another task fails.',
  }),
  events: boolean({
    default: false,
    env: 'DTASK_EVENTS',
    flag: '-E, --events',
    doc: 'Whether it tells of its tasks and of itself by events.',
  }),
} as const satisfies Record<string, Setting<unknown>>;
