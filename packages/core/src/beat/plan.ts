/** An entry that is ready to be acted upon: what to send, and when. Pure. */
import { createHash } from 'node:crypto';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { Node } from '../canvas/tree.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { scheduleFromJson } from '../schedule/from-json.js';
import { type Dues, missed, misfireRule } from '../schedule/misfire.js';
import type { Firing, Timetable } from '../schedule/timetable.js';
import type { Overlap } from '../schedule/periodic.js';
import {
  argsOf,
  callOf,
  type EntryFunctions,
  type EntryJson,
  entryNode,
  timetableOf,
} from './entry-json.js';

/** What surrounds an entry. */
export interface PlanPlace {
  readonly name: string;
  /** When the entry was first seen. */
  readonly born: number;
  /** The App's time zone. */
  readonly timezone: string;
}

/**
 * How late a tick may be and not count as missed, in milliseconds: a beat that dies is replaced
 * within this time, and nothing is to be lost by that.
 */
export const handover = 15_000;
/** The same while there are beats, which die one after the other. */
const longest = 60_000;
/** The same after a longer gap, in which ticks were missed. */
const punctual = 1_000;

/** An entry, compiled. */
export class Plan {
  readonly node: Node;
  readonly call: CallSettings;
  readonly overlap: Overlap;
  readonly #name: string;
  readonly #json: EntryJson;
  readonly #args: () => readonly unknown[];
  readonly #timetable: Timetable;

  /** @throws ConfigError when what is stored makes no entry, or a function of the code is missing */
  constructor(json: EntryJson, functions: EntryFunctions, { name, born, timezone }: PlanPlace) {
    this.#name = name;
    this.#json = json;
    this.node = entryNode(json);
    this.call = functions.call ?? callOf(json);
    this.overlap = json.overlap ?? 'queue';
    this.#args = functions.args ?? (() => argsOf(json));
    const schedule = 'v' in json.when ? scheduleFromJson(json.when) : functions.schedule;
    if (!schedule) {
      throw new ConfigError(
        `beat entry ${name}: its schedule is a function that this process does not have; run dtask beat with the code that has it`,
      );
    }
    this.#timetable = timetableOf(json, schedule).settle({ anchor: new Date(born), timezone });
  }

  /** What it waits for, for people. */
  get schedule(): string {
    return String(this.#timetable.schedule);
  }

  /** @throws ConfigError when a function of the code gives anything but a list */
  args(): readonly unknown[] {
    const args = this.#args();
    if (Array.isArray(args)) return args;
    throw new ConfigError(`the args function must give an array, got ${show(args)}`);
  }

  /**
   * The first firing strictly after an instant.
   *
   * @param ticks how many were acted upon
   */
  next(after: number, ticks: number): Firing | undefined {
    return this.#timetable.next(new Date(after), { seed: this.#name, runs: ticks });
  }

  /**
   * Which ticks are to be acted upon now.
   *
   * @param since when beats came, which have been there ever since
   */
  dues(due: Firing, now: number, ticks: number, since: number): Dues {
    const { misfire, deadline, limit = Number.POSITIVE_INFINITY } = this.#json;
    const options = {
      ...(misfire !== undefined && { misfire }),
      ...(deadline !== undefined && { deadline }),
    };
    const late = now - due.fireAt.getTime();
    const present = Math.min(longest, now - since);
    const grace = late <= handover ? handover : Math.max(punctual, present);
    const next = (after: Date): Firing | undefined => this.next(after.getTime(), ticks);
    const dues = missed({ due, now: new Date(now), next }, misfireRule(options, grace));
    const send = dues.send.slice(0, limit - ticks);
    return { ...dues, send, next: ticks + send.length < limit ? dues.next : undefined };
  }
}

/**
 * The id of what an entry sends at a tick: whoever sends it, and however often, it is one task.
 *
 * @param place what tells entries apart: the prefix, the App, the entry's name
 */
export function tickId(place: readonly string[], born: number, tick: number): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([...place, born, tick]))
    .digest('hex');
  const parts = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`];
  return [...parts, `b${hash.slice(17, 20)}`, hash.slice(20, 32)].join('-');
}
