/** The periodic tasks of an App, at run time: `app.beat`. */
import type { Redis } from 'ioredis';
import type { Ticks } from '../app/ticks.js';
import type { Shard } from '../broker/shards.js';
import type { AppConfig } from '../config/resolve.js';
import { ConfigError } from '../errors.js';
import type { AnyResult } from '../result/any-result.js';
import { type BeatInfo, infoOf } from './beat-info.js';
import type { Deck } from './deck.js';
import type { BeatChange, AnyBeatEntry, BeatTask, CheckedEntry } from './entry.js';
import { changeEntry, parseEntry, readEntry, refuseFunctions, sameTimes } from './entry-json.js';
import { type EntryState, firstState } from './entry-state.js';
import { Plans } from './plans.js';
import { BeatStore, type Stored } from './store.js';

/** What the entries need of their App. */
export interface BeatPlace {
  readonly app: string;
  readonly config: AppConfig;
  /** Where the entries are. */
  readonly shard: Pick<Shard, 'ask' | 'prefix'>;
  /** The entries of the code. */
  readonly deck: () => Deck;
  readonly ticks: Pick<Ticks, 'run'>;
}

/** How often a change is tried again that another one came before. */
const tries = 20;

/**
 * Looks into the periodic tasks of an App, and changes them: those of its code, and those that are
 * added here, which stay until they are removed. A beat that runs takes changes up within a second.
 *
 * @example
 * ```ts
 * await app.beat.add('reminder', { task: 'mail.remind', args: [42], cron: '0 9 * * mon-fri' });
 * await app.beat.pause('nightly');
 * ```
 */
export class BeatEntries {
  /** @internal */
  readonly store: BeatStore;
  readonly #place: BeatPlace;
  readonly #plans: Plans;

  /** @internal */
  constructor(place: BeatPlace) {
    const { app, config, deck, shard } = place;
    this.#place = place;
    this.store = new BeatStore(shard.prefix, app);
    this.#plans = new Plans(deck, config.timezone);
  }

  /** All entries, by name. */
  async list(): Promise<BeatInfo[]> {
    const all = await this.stored();
    return all
      .map((stored) => infoOf(stored, this.#plans))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** All entries as Redis has them. @internal */
  stored(): Promise<Stored[]> {
    return this.#ask('the beat entries were not read', (connection) => this.store.all(connection));
  }

  /** One entry, if there is one of the name. */
  async get(name: string): Promise<BeatInfo | undefined> {
    const stored = await this.#find(name);
    return stored && infoOf(stored, this.#plans);
  }

  /**
   * Adds an entry.
   *
   * @throws (rejects) ConfigError for a wrong entry, one that holds a function, and a name that is
   * taken; BrokerError when Redis does not answer
   */
  async add<T extends BeatTask>(name: string, entry: CheckedEntry<T>): Promise<BeatInfo> {
    const { json } = readEntry(name, entry as unknown as AnyBeatEntry);
    refuseFunctions(name, json);
    const text = JSON.stringify(json);
    return this.#update(name, (stored, now) => {
      if (stored) {
        throw new ConfigError(
          `beat entry ${name}: there is one of this name already, ${stored.state.code === undefined ? 'which was added at run time' : 'in the code'}; change it, or choose another name`,
        );
      }
      const state = firstState(now);
      const onward = this.#onward({ name, entry: text, state }, now);
      if (onward.fireAt !== undefined) return { entry: text, state: onward };
      throw new ConfigError(
        `beat entry ${name} would never fire: its schedule has no tick from now on`,
      );
    });
  }

  /**
   * Changes some options of an entry; `undefined` takes one back. An entry of the code is then what
   * it was changed to, until the code itself has another text for it.
   *
   * @throws (rejects) ConfigError for wrong options, a function, and a name that is not there
   */
  change(name: string, options: BeatChange): Promise<BeatInfo> {
    return this.#update(name, (found, now) => {
      const stored = known(name, found);
      const old = parseEntry(name, stored.entry);
      const json = changeEntry(name, old, options);
      refuseFunctions(name, json);
      const entry = JSON.stringify(json);
      const state: EntryState = {
        ...stored.state,
        rev: stored.state.rev + 1,
        ...(stored.state.code !== undefined && { changed: true as const }),
      };
      // What is due already stays due, unless it is to fire at other times.
      if (sameTimes(old, json)) return { entry, state };
      return { entry, state: this.#onward({ name, entry, state }, now) };
    });
  }

  /**
   * Lets an entry fire no more until `resume`. It stays paused whatever the code says.
   *
   * @throws (rejects) ConfigError when there is none of the name
   */
  pause(name: string): Promise<BeatInfo> {
    return this.#update(name, (found) => {
      const { state } = known(name, found);
      return { state: { ...state, rev: state.rev + 1, paused: true } };
    });
  }

  /**
   * Lets an entry fire again, from now on: ticks that came meanwhile are not made up for.
   *
   * @throws (rejects) ConfigError when there is none of the name
   */
  resume(name: string): Promise<BeatInfo> {
    return this.#update(name, (found, now) => {
      const stored = known(name, found);
      const { paused: _gone, ...rest } = stored.state;
      const state = { ...rest, rev: rest.rev + 1 };
      return { state: this.#onward({ ...stored, state }, now) };
    });
  }

  /**
   * Removes an entry that was added at run time. What it has sent goes on.
   *
   * @throws (rejects) ConfigError when there is none of the name, or it is in the code
   */
  async remove(name: string): Promise<void> {
    await this.#update(name, (found) => {
      if (known(name, found).state.code !== undefined) {
        throw new ConfigError(
          `beat entry ${name} is in the code, which would bring it back; take it out there, or pause it`,
        );
      }
      return {};
    });
  }

  /**
   * Sends what an entry sends, now and beside its schedule, also where it is paused.
   *
   * @returns the result of what was sent
   * @throws (rejects) ConfigError when there is none of the name
   */
  async run(name: string): Promise<AnyResult> {
    const stored = known(name, await this.#find(name));
    const result = await this.#place.ticks.run(this.#plans.of(stored), { beat: { entry: name } });
    await this.#update(name, (found, now) => {
      const { state } = known(name, found);
      return { state: { ...state, runs: state.runs + 1, lastAt: now, lastId: result.id } };
    });
    return result;
  }

  /** Where an entry stands that goes on from now. */
  #onward(stored: Pick<Stored, 'name' | 'entry' | 'state'>, now: number): EntryState {
    const { tick: _tick, fireAt: _fireAt, notBefore: _held, error: _error, ...rest } = stored.state;
    const next = this.#plans.of(stored).next(now, rest.ticks);
    return next ? { ...rest, tick: next.tick.getTime(), fireAt: next.fireAt.getTime() } : rest;
  }

  async #find(name: string): Promise<Stored | undefined> {
    const [stored] = await this.#ask(`beat entry ${name} was not read`, (connection) =>
      this.store.some(connection, [name]),
    );
    return stored;
  }

  /** Changes an entry as it is now, and again where another change came before. */
  async #update(
    name: string,
    change: (
      stored: Stored | undefined,
      now: number,
    ) => { readonly entry?: string; readonly state?: EntryState },
  ): Promise<BeatInfo> {
    const what = `beat entry ${name} was not changed`;
    for (let left = tries; left > 0; left -= 1) {
      // Each try needs what the one before found.
      const [[stored], time] = await this.#ask(what, (connection) =>
        Promise.all([this.store.some(connection, [name]), connection.time()]),
      );
      const { entry, state } = change(stored, milliseconds(time));
      const from = stored?.text ?? '';
      const swap = { name, from, ...(entry && { entry }), ...(state && { state }) };
      const [done] = await this.#ask(what, (connection) => this.store.swap(connection, [swap]));
      const text = entry ?? stored?.entry ?? '';
      const now = { name, entry: text, state: state ?? firstState(0), text: '', isDamaged: false };
      if (done) return infoOf(now, this.#plans);
    }
    throw new ConfigError(`beat entry ${name} changes all the time; try again`);
  }

  #ask<R>(what: string, commands: (connection: Redis) => Promise<R>): Promise<R> {
    return this.#place.shard.ask(what, commands);
  }
}

function known(name: string, stored: Stored | undefined): Stored {
  if (stored) return stored;
  throw new ConfigError(
    `there is no beat entry ${name}; app.beat.list() has those that there are, once a beat has taken up those of the code`,
  );
}

/** What Redis' TIME gives: seconds, and millionths of one. */
const milliseconds = ([seconds, micros]: readonly (number | string)[]): number =>
  Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
