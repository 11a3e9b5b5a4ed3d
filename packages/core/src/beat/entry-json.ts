/** An entry as it is stored. */
import { decode, encode, type JsonValue } from '../codec/index.js';
import { Canvas } from '../canvas/canvas.js';
import { type CanvasJson, nodeFromJson, nodeToJson } from '../canvas/json.js';
import { countLast, type Node, taskNode, withOptions } from '../canvas/tree.js';
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { inOwnContext } from '../own-context.js';
import type { CallSettings, MessageRetry } from '../protocol/call-settings.js';
import { decodeOptions, encodeOptions } from '../protocol/step.js';
import { type MisfireOptions, misfireRule } from '../schedule/misfire.js';
import { instant, type Schedule } from '../schedule/schedule.js';
import { scheduleOf, whenKeys } from '../schedule/schedule-of.js';
import { Timetable } from '../schedule/timetable.js';
import { scheduleFromJson } from '../schedule/from-json.js';
import { checkCallOptions } from '../task/call.js';
import { checkName } from '../task/definition.js';
import { inside, isTask, nameOf } from '../task/task.js';
import type { Overlap } from '../schedule/periodic.js';
import { type BeatChange, type AnyBeatEntry, entryCallKeys, entryKeys } from './entry.js';
import { bringsSchedule, changeWhen, type WhenJson, withoutWhen } from './when-json.js';

/** What Redis has of an entry, version 1. Times are in milliseconds. */
export interface EntryJson {
  readonly v: 1;
  readonly canvas: CanvasJson;
  readonly args?: readonly JsonValue[];
  readonly call?: CallSettings;
  readonly when: WhenJson;
  readonly jitter?: number;
  readonly start?: number;
  readonly end?: number;
  readonly limit?: number;
  readonly misfire?: MisfireOptions['misfire'];
  readonly deadline?: number;
  readonly overlap?: Overlap;
  /** What of it is a function, which only the code has. */
  readonly functions?: readonly FunctionName[];
}

type FunctionName = 'schedule' | 'args' | 'unique.key';

/** What only the code has of an entry. */
export interface EntryFunctions {
  readonly schedule?: Schedule;
  readonly args?: () => readonly unknown[];
  readonly call?: CallSettings;
}

/** An entry of the code. */
export interface CodedEntry {
  readonly json: EntryJson;
  readonly functions: EntryFunctions;
}

/** An entry's name goes into keys, URLs and commands, so it is one printable word. */
export function checkEntryName(name: unknown): asserts name is string {
  if (typeof name === 'string' && /^[^\s\p{C}]{1,255}$/u.test(name)) return;
  throw new ConfigError(
    `a beat entry's name must be 1 to 255 characters without spaces, got ${show(name)}`,
  );
}

/**
 * Checks an entry.
 *
 * @throws ConfigError which names the entry and the option, what it may be, and what it was
 */
export function readEntry(name: string, entry: AnyBeatEntry): CodedEntry {
  checkEntryName(name);
  return within(name, () => {
    if (typeof entry !== 'object' || entry === null)
      throw new ConfigError(`an entry is an object with task and a schedule, got ${show(entry)}`);
    refuseUnknown({ ...entry }, entryKeys, 'it');
    const schedule = scheduleOf(pick(entry, whenKeys));
    const call = checkCallOptions(pick(entry, entryCallKeys));
    const { args } = entry;
    if (args !== undefined && typeof args !== 'function' && !Array.isArray(args))
      throw new ConfigError(
        `args must be an array, or a function that gives one, got ${show(args)}`,
      );
    const node = nodeOf(entry.task);
    // What the whole of a canvas cannot have is refused here, not at each tick.
    withOptions(node, call);
    checkOverlap(node, entry.overlap);
    const when = whenOf(schedule);
    const ownKey = call.unique && call.unique.key;
    const functions: FunctionName[] = [
      ...('v' in when ? [] : ['schedule' as const]),
      ...(typeof args === 'function' ? ['args' as const] : []),
      ...(ownKey ? ['unique.key' as const] : []),
    ];
    const json: EntryJson = {
      v: 1,
      canvas: nodeToJson(node),
      ...(Array.isArray(args) && args.length > 0 && { args: encode(args, 'args') as JsonValue[] }),
      ...(Object.keys(call).length > 0 && { call: encodeOptions(withoutKey(call)) }),
      when,
      ...boundsOf(entry),
      ...(functions.length > 0 && { functions }),
    };
    checkWhole(json, schedule);
    return {
      json,
      functions: {
        ...(functions.includes('schedule') && { schedule }),
        ...(typeof args === 'function' && { args: inOwnContext(args) }),
        ...(ownKey && { call }),
      },
    };
  });
}

/**
 * Changes a stored entry; `undefined` takes an option back.
 *
 * @throws ConfigError as `readEntry`
 */
export function changeEntry(name: string, old: EntryJson, change: BeatChange): EntryJson {
  return within(name, () => {
    refuseUnknown({ ...change }, entryKeys, 'it');
    const isRescheduled = bringsSchedule(change);
    const { json: read } = readEntry(name, {
      task: 'none',
      // It needs one to be read; the stored one stays.
      ...(isRescheduled ? change : { every: 1_000, ...withoutWhen(change) }),
    } as AnyBeatEntry);
    const given = (...keys: readonly string[]): boolean => keys.some((key) => key in change);
    const changed = { ...old } as { -readonly [K in keyof EntryJson]: EntryJson[K] };
    const take = (part: keyof EntryJson, ...keys: readonly string[]): void => {
      if (!given(...keys)) return;
      if (read[part] === undefined) delete changed[part];
      else Object.assign(changed, { [part]: read[part] });
    };
    changed.when = isRescheduled ? read.when : changeWhen(old.when, change);
    take('canvas', 'task');
    for (const key of ['args', 'jitter', 'start', 'end', 'limit'] as const) take(key, key);
    for (const key of ['misfire', 'deadline', 'overlap'] as const) take(key, key);
    const asked = entryCallKeys.filter((key) => key in change);
    if (asked.length > 0) changed.call = mergeCall(old.call ?? {}, read.call ?? {}, asked);
    const all = new Set([...(old.functions ?? []), ...(read.functions ?? [])]);
    if (isRescheduled && !read.functions?.includes('schedule')) all.delete('schedule');
    if (given('args') && !read.functions?.includes('args')) all.delete('args');
    if (given('unique') && !read.functions?.includes('unique.key')) all.delete('unique.key');
    delete changed.functions;
    if (all.size > 0) changed.functions = [...all];
    withOptions(nodeFromJson(changed.canvas), callOf(changed));
    checkOverlap(nodeFromJson(changed.canvas), changed.overlap);
    if ('v' in changed.when) checkWhole(changed, scheduleFromJson(changed.when));
    return changed;
  });
}

/** What of a stored call each of its options stands for; the others have their own names there. */
const partsOf: Readonly<Record<string, readonly (keyof CallSettings)[]>> = {
  expires: ['expiresIn', 'expiresAt'],
};

/** The same of its retries. A delay of one's own comes with a word on backoff, and goes with it. */
const retryPartsOf: Readonly<Record<string, readonly (keyof MessageRetry)[]>> = {
  maxRetries: ['max'],
  retryDelay: ['delay', 'backoff'],
  retryBackoff: ['backoff'],
  retryBackoffMax: ['backoffMax'],
  retryJitter: ['jitter'],
};

function mergeCall(old: CallSettings, read: CallSettings, asked: readonly string[]): CallSettings {
  const ofRetry = asked.flatMap((key) => retryPartsOf[key] ?? []);
  const others = asked.filter((key) => !retryPartsOf[key]);
  const { retry: oldRetry = {}, ...kept } = old;
  const rest: CallSettings = kept;
  const retry = replaced(oldRetry, read.retry ?? {}, ofRetry);
  const parts = others.flatMap((key) => partsOf[key] ?? [key as keyof CallSettings]);
  return { ...replaced(rest, read, parts), ...(Object.keys(retry).length > 0 && { retry }) };
}

/** The old fields, but for these, which are the new ones or absent with them. */
function replaced<T extends object>(old: T, read: T, keys: readonly (keyof T)[]): T {
  const merged = { ...old };
  for (const key of keys) {
    if (read[key] === undefined) delete merged[key];
    else merged[key] = read[key];
  }
  return merged;
}

/**
 * Refuses what cannot be stored.
 *
 * @throws ConfigError
 */
export function refuseFunctions(name: string, { functions = [] }: EntryJson): void {
  if (functions.length === 0) return;
  throw new ConfigError(
    `beat entry ${name}: ${functions.join(' and ')} is a function, which cannot be stored; put the entry into the code, or give ${functions.includes('schedule') ? 'a cron, crontab, every, solar or once' : 'plain values'}`,
  );
}

/**
 * Reads what Redis has.
 *
 * @throws ConfigError when it is no entry of this version
 */
export function parseEntry(name: string, text: string): EntryJson {
  return within(name, () => {
    const json = parsed(text);
    if (typeof json !== 'object' || json === null || !('v' in json) || json.v !== 1)
      throw new ConfigError(`what is stored is no entry of version 1: ${text.slice(0, 80)}`);
    const entry = json as EntryJson;
    nodeFromJson(entry.canvas);
    if (typeof entry.when !== 'object' || entry.when === null)
      throw new ConfigError(`what is stored has no schedule: ${text.slice(0, 80)}`);
    return entry;
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether two entries fire at the same times. */
export function sameTimes(one: EntryJson, other: EntryJson): boolean {
  const times = ({ when, jitter, start, end, limit }: EntryJson): string =>
    JSON.stringify({ when, jitter, start, end, limit });
  return times(one) === times(other);
}

/** The canvas that an entry sends. */
export const entryNode = ({ canvas }: EntryJson): Node => nodeFromJson(canvas);

/** The arguments of an entry. */
export const argsOf = ({ args = [] }: EntryJson): readonly unknown[] =>
  decode(args as JsonValue[], 'args') as readonly unknown[];

/** The call options of an entry. */
export const callOf = ({ call = {} }: EntryJson): CallSettings => decodeOptions(call);

function nodeOf(task: unknown): Node {
  if (task instanceof Canvas) return (task as Canvas<never>).node;
  if (isTask(task)) return taskNode(nameOf(inside(task).definition), []);
  if (typeof task === 'string') {
    checkName(task);
    return taskNode(task, []);
  }
  throw new ConfigError(`task must be a task, its name, or a canvas, got ${show(task)}`);
}

function whenOf(schedule: Schedule): EntryJson['when'] {
  try {
    return schedule.toJSON();
  } catch {
    // A function: it says so when somebody wants it stored.
    return { kind: 'function', name: String(schedule) };
  }
}

/** Of what it leads to, the end of which task says that it has ended. */
function checkOverlap(node: Node, overlap: Overlap | undefined): void {
  if (overlap === 'skip' && countLast(node) !== 1) {
    throw new ConfigError(
      `overlap: 'skip' needs to know when what was sent has ended, and this canvas ends with ${countLast(node)} tasks; end it with one`,
    );
  }
  if (overlap === 'replace' && node.kind !== 'task')
    throw new ConfigError("overlap: 'replace' is for one task, and this is a canvas; take 'skip'");
}

function withoutKey(call: CallSettings): CallSettings {
  const { unique } = call;
  if (!unique || !unique.key) return call;
  const { key: _own, ...rest } = unique;
  return { ...call, unique: rest };
}

function boundsOf(
  entry: Pick<
    AnyBeatEntry,
    'jitter' | 'start' | 'end' | 'limit' | 'misfire' | 'deadline' | 'overlap'
  >,
): Partial<EntryJson> {
  const { jitter, start, end, limit, misfire, deadline, overlap } = entry;
  if (overlap !== undefined && !['queue', 'skip', 'replace'].includes(overlap))
    throw new ConfigError(`overlap must be one of queue, skip, replace, got ${show(overlap)}`);
  return {
    ...(jitter !== undefined && { jitter: toMilliseconds(jitter, 'jitter') }),
    ...(start !== undefined && { start: instant(start, 'start') }),
    ...(end !== undefined && { end: instant(end, 'end') }),
    ...(limit !== undefined && { limit }),
    ...(misfire !== undefined && { misfire }),
    ...(deadline !== undefined && { deadline: toMilliseconds(deadline, 'deadline') }),
    ...(overlap !== undefined && { overlap }),
  };
}

/** The schedule of an entry, with its bounds. */
export function timetableOf(json: EntryJson, schedule: Schedule): Timetable {
  const { jitter, start, end, limit } = json;
  return new Timetable({
    schedule,
    ...(jitter !== undefined && { jitter }),
    ...(start !== undefined && { start: new Date(start) }),
    ...(end !== undefined && { end: new Date(end) }),
    ...(limit !== undefined && { limit }),
  });
}

function checkWhole(json: EntryJson, schedule: Schedule): void {
  timetableOf(json, schedule);
  const { misfire, deadline } = json;
  misfireRule({
    ...(misfire !== undefined && { misfire }),
    ...(deadline !== undefined && { deadline }),
  });
}

function within<R>(name: string, read: () => R): R {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError) || error.message.startsWith('beat entry ')) throw error;
    throw new ConfigError(`beat entry ${name}: ${error.message}`, { cause: error });
  }
}

/** The options among these keys that were given. */
function pick<T extends object, K extends string>(
  from: T,
  keys: readonly K[],
): Pick<T, K & keyof T> {
  return Object.fromEntries(
    Object.entries(from).filter(([key, value]) => value !== undefined && keys.includes(key as K)),
  ) as Pick<T, K & keyof T>;
}
