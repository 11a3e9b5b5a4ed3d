/** Reads the items of a map, parts them into chunks, and has these sent as there is room. */
import { show } from '../config/setting.js';
import { ArgumentsError } from '../errors.js';
import type { Dispatcher } from './dispatcher.js';
import type { Notes } from './notes.js';
import { Packer } from './pack.js';
import { Part, type PartRules } from './part.js';
import type { Sizer } from './sizer.js';
import type { Source } from './source.js';

/** What a feeder needs of its map. */
export interface FeederPlace {
  readonly source: Source;
  readonly sizer: Sizer;
  readonly dispatcher: Dispatcher;
  readonly notes: Notes | undefined;
  readonly rules: PartRules;
  /** Largest chunk, in bytes. */
  readonly bytes: number;
  /** The first item that is wanted. */
  readonly from: number;
  /** Resolves when there is room for a chunk; gives whether one is wanted at all. */
  readonly room: () => Promise<boolean>;
  /** A chunk is about to be sent. */
  readonly onPart: (part: Part) => void;
  /** A chunk was passed over, as all its items come before the first that is wanted. */
  readonly onSkip: (at: number) => void;
}

/** How long a chunk waits for items that come slowly, in milliseconds. */
const linger = 20;

/** A chunk that was read. */
interface Load {
  readonly items: unknown[];
  readonly packer: Packer;
  /** Items that cannot travel. */
  readonly bad: ReadonlyMap<number, unknown>;
  /** What the source threw behind them. */
  readonly error: { readonly thrown: unknown } | undefined;
}

/** Feeds a map. */
export class Feeder {
  readonly #place: FeederPlace;
  #at = 0;
  #first = 0;

  constructor(place: FeederPlace) {
    this.#place = place;
  }

  /**
   * Reads the source to its end.
   *
   * @throws (rejects) what the source throws, when what was read before is sent; BrokerError
   */
  async run(): Promise<void> {
    const { source, room, notes } = this.#place;
    while (!source.ended) {
      if (!(await room())) return;
      const load = await this.#load();
      if (load.items.length > 0) {
        await notes?.add(this.#at, load.items.length);
        this.#start(load);
      }
      if (load.error) throw load.error.thrown;
    }
  }

  async #load(): Promise<Load> {
    const { source, sizer, notes, rules, bytes } = this.#place;
    const before = notes?.sizeOf(this.#at);
    const size = before ?? sizer.size;
    // One that was sent before has its items, however large it may be by now.
    const limit = before === undefined ? bytes : Infinity;
    const packer = new Packer(rules.spread);
    const items: unknown[] = [];
    const bad = new Map<number, unknown>();
    let error: Load['error'];
    const take = (item: unknown): boolean | 'full' => {
      try {
        if (rules.spread && !Array.isArray(item)) throw notArguments(item);
        if (!packer.add(item, limit)) return 'full';
      } catch (refused) {
        bad.set(items.length, refused);
      }
      items.push(item);
      return items.length < size;
    };
    try {
      await source.read(take, before === undefined ? linger : Infinity);
    } catch (thrown) {
      error = { thrown };
    }
    return { items, packer, bad, error };
  }

  #start({ items, packer, bad }: Load): void {
    const { rules, from, dispatcher, onPart, onSkip } = this.#place;
    const part = new Part(this.#at, this.#first, items, rules);
    this.#at += 1;
    this.#first += items.length;
    if (this.#first <= from) return onSkip(part.at);
    onPart(part);
    for (const [offset, error] of bad) part.fail(offset, error);
    const offsets = bad.size > 0 ? [...items.keys()].filter((at) => !bad.has(at)) : undefined;
    return dispatcher.start(part, packer.text(), offsets);
  }
}

const notArguments = (item: unknown): ArgumentsError =>
  new ArgumentsError(`an item of starmap() is a list of arguments, got ${show(item)}`);
