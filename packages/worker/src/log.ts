/** What a worker logs: for people on a terminal, as JSON elsewhere. */
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import { pretty } from './pretty.js';
import {
  errorName,
  failureOf,
  formatMilliseconds,
  type Message,
  notesOf,
  reasonOf,
} from '@dtask/core/internal';
import { taskFields } from './run.js';

/** How deeply errors inside of an error are named. */
const mostLevels = 4;

/** The worker's logger, with the lines that every task gets. */
export interface WorkerLog extends Logger {
  /** On a terminal the banner has said the rest. */
  ready(fields: object): void;
  succeeded(message: Message, took: number): void;
  retried(message: Message, wait: number, error: unknown): void;
  failed(message: Message, error: unknown): void;
}

/** How to log. */
export interface LogOptions {
  readonly level: string;
  /** Lines for people; without it JSON. @default whether the output is a terminal */
  readonly pretty?: boolean;
  /** Stands on every line, such as the worker's name. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Makes the logger of a worker. What is logged inside a task carries the task's name and id. */
export function workerLog({ level, fields = {}, ...options }: LogOptions): WorkerLog {
  const forPeople = options.pretty ?? process.stdout.isTTY === true;
  const logger = pino(
    {
      level,
      base: forPeople ? null : { ...fields },
      mixin: () => taskFields() ?? {},
      serializers: { err: errorFields },
    },
    forPeople ? pretty() : jsonLines(),
  );
  return withTaskLines(logger, forPeople);
}

/**
 * Whatever was thrown, as fields of a line. Redis' errors carry the command that failed, whose
 * arguments may be anybody's data.
 */
function errorFields(thrown: unknown): object {
  if (typeof thrown === 'object' && thrown !== null) {
    try {
      return namedFields(thrown, 0);
    } catch {
      // pino writes on what it reads, which may be frozen, and may have getters that throw.
    }
  }
  const { name: type, ...fields } = failureOf(thrown);
  return { type, ...fields };
}

/**
 * An error that a child has sent is of a class that is only there: what that is called is its name.
 *
 * @param level how many errors have this one inside
 */
function namedFields(error: object, level: number): object {
  const serialized: object = stdSerializers.err(error as Error);
  const { command: _command, ...fields } = serialized as Record<string, unknown>;
  if ('type' in fields) fields['type'] = errorName(error) ?? fields['type'];
  const { errors } = error as { errors?: unknown };
  if (Array.isArray(errors) && 'aggregateErrors' in fields && level < mostLevels)
    fields['aggregateErrors'] = errors.map((one: unknown) =>
      one instanceof Error ? namedFields(one, level + 1) : one,
    );
  return fields;
}

/** Longest that a line waits for company, in milliseconds. */
const patience = 250;

let shared: DestinationStream | undefined;

/**
 * The stream of all loggers of the process. Lines are gathered for a moment, so that logging costs a busy
 * worker little. While there is none, nothing ticks.
 */
function jsonLines(): DestinationStream {
  if (shared) return shared;
  const output = pino.destination({ dest: 1, minLength: 4_096, sync: false });
  // However many loggers there are, each may wait for it.
  output.setMaxListeners(0);
  let timer: NodeJS.Timeout | undefined;
  const flush = (done?: (error?: Error | null) => void): void => {
    clearTimeout(timer);
    timer = undefined;
    output.flush(done);
  };
  const write = (line: string): void => {
    output.write(line);
    timer ??= setTimeout(flush, patience).unref();
  };
  return (shared = Object.assign({ write }, { flush }));
}

function withTaskLines(logger: Logger, forPeople: boolean): WorkerLog {
  return Object.assign(logger, {
    ready: (fields: object): void => logger.info(forPeople ? {} : fields, 'ready'),
    succeeded: ({ name, id }: Message, took: number): void => {
      if (logger.isLevelEnabled('info')) {
        logger.info(
          { task: name, id, ms: Number(took.toFixed(1)) },
          `succeeded in ${formatMilliseconds(took)}`,
        );
      }
    },
    retried: ({ name, id }: Message, wait: number, error: unknown): void => {
      const again = `runs again in ${formatMilliseconds(wait)}`;
      // Every retry tells why; the whole stack comes when the task fails for good.
      if (forPeople)
        logger.warn({ task: name, id }, `failed with ${reasonOf(failureOf(error))}; ${again}`);
      else logger.warn({ task: name, id, err: error }, `failed, ${again}`);
    },
    failed: ({ name, id }: Message, error: unknown): void => {
      const notes = notesOf(error);
      // Those that came with it are among its own fields.
      const noted = notes.length > 0 && { notes };
      logger.error({ task: name, id, err: error, ...noted }, 'failed');
    },
  });
}
