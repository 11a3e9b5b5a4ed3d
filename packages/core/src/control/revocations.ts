/** Ends tasks durably: those that wait, those that run, and those that are still to come. */
import { clockOf } from '../broker/server-clock.js';
import type { Redis } from 'ioredis';
import { forEachPlace } from '../broker/for-each-place.js';
import { hashPortions } from '../broker/portions.js';
import { OwnScript } from '../broker/own-script.js';
import type { Shards } from '../broker/shards.js';
import { show } from '../config/setting.js';
import { ConfigError, TaskRevokedError } from '../errors.js';
import { idsIn } from '../protocol/id-run.js';
import {
  jobKey,
  lockKey,
  replyChannel,
  resultKey,
  ruleEndsKey,
  rulesKey,
} from '../protocol/keys.js';
import { markFields, type RevocationMark } from '../protocol/marks.js';
import { partBy } from '../part-by.js';
import type { Message } from '../protocol/message.js';
import { encodeOutcome } from '../protocol/outcome.js';
import { parseOutstanding } from '../result/outstanding.js';
import { isPacked, markPacked } from '../result/packed-calls.js';
import { type PlacedTask, type SoughtTask, storeRevocation } from '../result/revocation.js';
import {
  endOfRule,
  nameOfRule,
  parseRule,
  type RevocationRule,
  RevocationRules,
  type RuleSubject,
} from './revocation-rules.js';

/** What became of tasks that were to end. */
export interface Revoked {
  /** Those that had not started: they have ended as `REVOKED`. */
  readonly removed: readonly PlacedTask[];
  /** Those that run: the mark is there, also for the next worker. */
  readonly marked: readonly PlacedTask[];
  /** Those that are not sent yet: they have ended as `REVOKED`, and are not run when they come. */
  readonly waiting: readonly string[];
}

/** The queues, as far as revoking needs them. */
export interface RevocableQueues {
  /** Where messages are that were sent to some queues, or to any. */
  sources(queues?: readonly string[]): Promise<readonly string[]>;
  /** Those that may have messages of these ids. */
  sourcesAround(ids: readonly string[]): Promise<readonly string[]>;
  /** Takes tasks that have not started out of their queues; gives those. */
  take(tasks: readonly PlacedTask[], reason?: string): Promise<PlacedTask[]>;
  /** Takes the messages that wait in a queue and that fit out of it; gives how many. */
  takeWhere(queue: string, fits: (message: Message) => boolean): Promise<number>;
}

/** What revoking needs of its App. */
export interface RevocationsPlace {
  readonly shards: Shards;
  readonly queues: RevocableQueues;
  /** How long results are kept, in milliseconds. */
  readonly keep: number;
  /** Hears of each that is ended before it is sent, which no worker sees. */
  readonly onEnded: (task: Pick<Message, 'id' | 'name'>, reason: string) => void;
}

/**
 * Marks a task that has not ended, and never weakens a mark. KEYS: the job. ARGV: the mark, '1'
 * where it asks for the task's death.
 */
const markScript = `
local found = redis.call('HMGET', KEYS[1], 'timestamp', 'finishedOn', '${markFields.ended}')
if not found[1] or found[2] or found[3] then return 0 end
if ARGV[2] == '1' or redis.call('HEXISTS', KEYS[1], '${markFields.revoked}') == 0 then
  redis.call('HSET', KEYS[1], '${markFields.revoked}', ARGV[1])
end
return 1`;

/**
 * Keeps rules, all for one time, and forgets some of those that hold no more. KEYS: the rules; when each
 * ends. ARGV: how long they hold, in milliseconds; how many to forget at most; for each its field, and
 * the rule without its end. Both live as long as the last of them.
 */
const ruleScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = now + ARGV[1]
local last = math.max(ends, now + redis.call('PTTL', KEYS[1]))
local past = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[2])
if #past > 0 then
  redis.call('HDEL', KEYS[1], unpack(past))
  redis.call('ZREM', KEYS[2], unpack(past))
end
local tail = ',"until":' .. string.format('%.0f', ends) .. '}'
for at = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], string.sub(ARGV[at + 1], 1, -2) .. tail)
  redis.call('ZADD', KEYS[2], string.format('%.0f', ends), ARGV[at])
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, string.format('%.0f', last - now)) end`;

/** Forgets rules that are still as they were read. KEYS: as above. ARGV: their fields and texts in turns. */
const forgetScript = `
for at = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[at]) == ARGV[at + 1] then
    redis.call('HDEL', KEYS[1], ARGV[at])
    redis.call('ZREM', KEYS[2], ARGV[at])
  end
end`;

const forget = new OwnScript<unknown>(2, forgetScript);
const setMark = new OwnScript<number>(1, markScript);
const setRules = new OwnScript<unknown>(2, ruleScript);

/** Most tasks that are asked for in one go. */
const portion = 1_000;
/** Most rules that one script keeps, that it forgets, and that are read at a time. */
const rulePortion = 500;

/** Revokes tasks of an App. */
export class Revocations {
  readonly #place: RevocationsPlace;

  constructor(place: RevocationsPlace) {
    this.#place = place;
  }

  /** Ends tasks. Those that nobody has, and that nothing waits for, are passed over. */
  async revoke(tasks: readonly SoughtTask[], mark: RevocationMark = {}): Promise<Revoked> {
    const all: Revoked[] = [];
    for (let from = 0; from < tasks.length; from += portion)
      all.push(await this.#revokeSome(tasks.slice(from, from + portion), mark));
    return together(all);
  }

  async #revokeSome(tasks: readonly SoughtTask[], mark: RevocationMark): Promise<Revoked> {
    const there = await this.revokeIn(await this.locate(tasks), mark);
    const found = new Set([...there.removed, ...there.marked].map(({ id }) => id));
    const others = tasks.filter(({ id }) => !found.has(id));
    if (others.length === 0) return together([there]);
    const { waiting, started, instead } = await this.#revokeWaiting(others, mark);
    // Those were sent and taken between the two looks, and with those the work of others goes on.
    const late = started.length > 0 ? [await this.revokeIn(await this.locate(started), mark)] : [];
    const led = instead.length > 0 ? [await this.revoke(instead, mark)] : [];
    return together([there, ...late, ...led, { removed: [], marked: [], waiting }]);
  }

  /** Ends those that are not sent yet: whoever takes their messages finds that. */
  async #revokeWaiting(
    tasks: readonly SoughtTask[],
    { reason = 'it was revoked before it was sent' }: RevocationMark,
  ): Promise<{ waiting: string[]; started: SoughtTask[]; instead: SoughtTask[] }> {
    const { shards, keep, onEnded } = this.#place;
    const waiting: string[] = [];
    const started: SoughtTask[] = [];
    const instead: SoughtTask[] = [];
    const revokeOne = async (
      connection: Redis,
      prefix: string,
      { id }: SoughtTask,
    ): Promise<void> => {
      const key = resultKey(prefix, id);
      const found = parseOutstanding(await connection.get(key));
      if (found?.state === 'REPLACED')
        instead.push(...idsIn(found.before?.runs ?? []).map((each) => ({ id: each })));
      if (found?.state !== 'WAITING') return;
      const { task, queue = '', reply } = found;
      const error = new TaskRevokedError(reason);
      const end = {
        id,
        state: 'REVOKED',
        error,
        at: clockOf(connection).now(),
        ...(task && { task }),
      };
      const keys = { record: key, lock: lockKey(prefix, queue, id) };
      const channel = reply === undefined ? '' : replyChannel(prefix, reply);
      const text = encodeOutcome(end, Number.MAX_SAFE_INTEGER);
      if (!(await storeRevocation(connection, keys, text, keep, channel))) {
        started.push({ id });
        return;
      }
      waiting.push(id);
      onEnded({ id, name: task ?? '' }, reason);
    };
    await forEachPlace(
      tasks,
      ({ id }) => shards.of(id),
      'tasks were not revoked',
      (connection, { prefix }, some) =>
        Promise.all(some.map((task) => revokeOne(connection, prefix, task))),
    );
    return { waiting, started, instead };
  }

  /** All places where tasks may be, each in the queue that it was sent to, if that is known. */
  async locate(tasks: readonly SoughtTask[]): Promise<PlacedTask[]> {
    const { queues } = this.#place;
    const located: PlacedTask[] = [];
    for (const [queue, some] of partBy(tasks, (task) => task.queue)) {
      const sources =
        queue === undefined
          ? await queues.sourcesAround(some.map(({ id }) => id))
          : await queues.sources([queue]);
      for (const source of sources) for (const { id } of some) located.push({ id, queue: source });
    }
    return located;
  }

  /**
   * Ends tasks that may be in these queues. They are marked first: one that starts meanwhile, or
   * whose worker dies, or that is to be retried, does not get away.
   */
  async revokeIn(
    tasks: readonly PlacedTask[],
    mark: RevocationMark = {},
  ): Promise<Pick<Revoked, 'removed' | 'marked'>> {
    const { shards, queues } = this.#place;
    const text = JSON.stringify(mark);
    const deadly = mark.terminate ? '1' : '0';
    const marked = await forEachPlace(
      tasks,
      ({ queue, id }) => shards.at(queue, id),
      'tasks were not revoked',
      (connection, { prefix }, some) =>
        Promise.all(
          some.map(async (task) => {
            const { id, queue } = task;
            const marks = await Promise.all([
              setMark.run(connection, jobKey(prefix, queue, id), text, deadly),
              isPacked(id) ? markPacked(connection, prefix, task, text, deadly) : 0,
            ]);
            return marks.includes(1);
          }),
        ),
    );
    const there = tasks.filter((_, at) => marked[at]);
    const removed = await queues.take(there, mark.reason);
    const gone = new Set(removed.map(placeOf));
    return { removed, marked: there.filter((task) => !gone.has(placeOf(task))) };
  }

  /**
   * Ends those that were marked and whose workers were told, but that wait by now: for the next try,
   * or for what limits them. No worker has them that could end them before their time.
   *
   * @returns how many
   */
  async revokeLate(marked: readonly PlacedTask[], { reason }: RevocationMark): Promise<number> {
    return (await this.#place.queues.take(marked, reason)).length;
  }

  /**
   * Keeps rules: tasks that workers take while they hold are ended, also those that are sent later.
   *
   * @param keep how long they hold, in milliseconds
   */
  async addRules(
    subjects: readonly RuleSubject[],
    terminate: boolean,
    keep: number,
  ): Promise<void> {
    const { prefix, ask } = this.#place.shards.main;
    const keys = [rulesKey(prefix), ruleEndsKey(prefix)];
    const asked = [Math.ceil(keep), rulePortion];
    for (let from = 0; from < subjects.length; from += rulePortion) {
      const rules = subjects.slice(from, from + rulePortion).flatMap((subject) => {
        const rule = JSON.stringify({ subject, ...(terminate && { terminate }) });
        return [nameOfRule(subject), rule];
      });
      await ask(
        `of ${subjects.length} rules the first ${from} were kept and the next not`,
        (connection) => setRules.run(connection, ...keys, ...asked, ...rules),
      );
    }
  }

  /**
   * Takes the tasks that rules are for out of their queues. The rules must be kept by then, or a task
   * might be sent in between.
   *
   * @returns how many
   */
  async sweep(subjects: readonly RuleSubject[]): Promise<number> {
    const { queues } = this.#place;
    const rules = new RevocationRules(() => 0);
    rules.set(subjects.map((subject) => ({ subject, until: 1 })));
    let removed = 0;
    for (const queue of await queues.sources())
      removed += await queues.takeWhere(queue, (message) => rules.match(message) !== undefined);
    return removed;
  }

  /** The rules that are kept. */
  rules(): Promise<RevocationRule[]> {
    const { prefix, ask } = this.#place.shards.main;
    return ask('the rules were not read', (connection) => readRules(connection, prefix));
  }
}

/** What became of several lots. */
const together = (
  all: readonly (Omit<Revoked, 'waiting'> & Partial<Pick<Revoked, 'waiting'>>)[],
): Revoked => ({
  removed: all.flatMap(({ removed }) => removed),
  marked: all.flatMap(({ marked }) => marked),
  waiting: all.flatMap(({ waiting = [] }) => waiting),
});

/** What is broadcast has one id in the queues of all workers. */
const placeOf = ({ id, queue }: PlacedTask): string => `${queue} ${id}`;

/** Reads the rules that hold, and forgets those that do not. */
export async function readRules(connection: Redis, prefix: string): Promise<RevocationRule[]> {
  const [seconds] = (await connection.time()) as unknown as [string];
  const rules: RevocationRule[] = [];
  for await (const fields of hashPortions(connection, rulesKey(prefix), rulePortion)) {
    const past: string[] = [];
    for (const [field, text] of fields) {
      const rule = parseRule(text);
      if (endOfRule(text) <= Number(seconds) * 1_000) past.push(field, text);
      else if (rule) rules.push(rule);
    }
    if (past.length > 0)
      await forget.run(connection, rulesKey(prefix), ruleEndsKey(prefix), ...past);
  }
  return rules;
}

/**
 * The rules of headers: a task falls under them that has one of the values in one of the headers.
 *
 * @throws ConfigError when a value is nothing that can be compared
 */
export function headerSubjects(headers: Readonly<Record<string, unknown>>): RuleSubject[] {
  const subjects = Object.entries(headers).flatMap(([header, values]) =>
    (Array.isArray(values) ? (values as unknown[]) : [values]).map((value) => {
      if (['string', 'number', 'boolean'].includes(typeof value))
        return { header, value: value as string };
      throw new ConfigError(
        `the header ${header} must have strings, numbers or booleans to look for, got ${show(value)}`,
      );
    }),
  );
  if (subjects.length > 0) return subjects;
  throw new ConfigError("revokeByHeaders takes headers such as { tenant: 'acme' }, got none");
}
