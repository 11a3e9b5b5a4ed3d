/** The control commands: what each takes, and what it asks of a worker. */
import { ConfigError, type RateLimit } from '@dtask/core';
import {
  controlCommands,
  inspectCommands,
  rateChange,
  type RevocationMark,
  timeChange,
} from '@dtask/core/internal';
import type { ControlTarget } from './control-target.js';

type Arguments = Readonly<Record<string, unknown>>;
type Command = (target: ControlTarget, args: Arguments) => unknown;

/**
 * By name. `terminate`, `revokeByHeaders`, `revokeGroup` and `revokeRoot` are the caller's: what they
 * come to is in Redis, and workers hear of it by `revoke` and `rules`.
 */
const commands: Readonly<Record<string, Command>> = {
  ping: () => 'pong',
  active: (target) => target.active(),
  reserved: (target) => target.reserved(),
  scheduled: (target) => target.scheduled(),
  revoked: (target) => target.revoked(),
  registered: (target) => target.registered(),
  stats: (target) => target.stats(),
  activeQueues: (target) => target.activeQueues(),
  conf: (target) => target.conf(),
  queryTask: (target, { ids }) => target.queryTask(texts(ids, 'ids')),
  report: (target) => target.report(),
  memory: (target) => target.memory(),
  revoke: (target, { ids, terminate, reason }) =>
    revoke(target, texts(ids, 'ids'), {
      ...(terminate === true && { terminate }),
      ...(reason !== undefined && { reason: text(reason, 'reason') }),
    }),
  rules: async (target, { running }) => {
    const ended = await target.readRules({ endsRunning: running !== false });
    return { said: `rules read: ${counted(ended.length)}`, ended };
  },
  rateLimit: (target, args) => {
    const task = text(args['task'], 'task');
    if (args['rate'] !== undefined) rateChange(task, args['rate'] as RateLimit);
    return target.rateLimitChanged(task);
  },
  timeLimit: (target, args) => {
    const task = text(args['task'], 'task');
    if (args['limits'] !== undefined) timeChange(task, args['limits'] as object);
    return target.timeLimitChanged(task);
  },
  addConsumer: (target, { queue }) => target.addConsumer(text(queue, 'queue')),
  cancelConsumer: (target, { queue }) => target.cancelConsumer(text(queue, 'queue')),
  poolGrow: (target, { count = 1 }) => target.poolGrow(whole(count, 'count', 1)),
  poolShrink: (target, { count = 1 }) => target.poolShrink(whole(count, 'count', 1)),
  poolRestart: (target) => target.poolRestart(),
  autoscale: (target, { max, min = 0 }) => {
    const most = whole(max, 'max', 1);
    const least = whole(min, 'min', 0);
    if (least <= most) return target.autoscale(most, least);
    throw new ConfigError(`min must not be above max, got ${least} and ${most}`);
  },
  enableEvents: (target) => target.enableEvents(),
  disableEvents: (target) => target.disableEvents(),
  heartbeat: (target) => target.heartbeat(),
  shutdown: (target) => target.shutdown(),
};

/**
 * Carries a command out; gives what the worker answers.
 *
 * @throws ConfigError when there is no such command, or its arguments are wrong
 */
export function carryOut(target: ControlTarget, name: string, args: Arguments): unknown {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command) return command(target, args);
  const custom = target.custom(name);
  if (custom) return custom(args, { name: target.name });
  const own = target.customNames();
  throw new ConfigError(
    `there is no command ${name}; there are ${[...Object.keys(commands).filter((one) => one !== 'rules'), ...own].join(', ')}`,
  );
}

/** Whether a command changes something, which a log should show. */
export const isChange = (name: string): boolean =>
  name in controlCommands || !(name in inspectCommands);

function revoke(target: ControlTarget, ids: readonly string[], mark: RevocationMark): string {
  const told = target.revokeRunning(ids, mark);
  if (told.length === 0) return 'tasks unknown';
  return `${mark.terminate ? 'terminate' : 'revoke'}: ${told.join(', ')}`;
}

const counted = (count: number): string =>
  count === 1 ? 'one running task falls under them' : `${count} running tasks fall under them`;

function text(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ConfigError(`${what} must be a text, got ${JSON.stringify(value) ?? 'nothing'}`);
}

function texts(value: unknown, what: string): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new ConfigError(
    `${what} must be an array of texts, got ${JSON.stringify(value) ?? 'nothing'}`,
  );
}

function whole(value: unknown, what: string, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw new ConfigError(
    `${what} must be a whole number of at least ${least}, got ${JSON.stringify(value) ?? 'nothing'}`,
  );
}
