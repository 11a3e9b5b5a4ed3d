/** Where a process hears of its results: one subscription, however many calls wait. */
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { HandleMaker } from '../codec/index.js';
import type { Broker } from '../broker/broker.js';
import { closeConnection } from '../broker/connection.js';
import { hear, onPush, unhear } from '../broker/pushes.js';
import { BrokerError } from '../errors.js';
import { replyChannel, resultKey } from '../protocol/keys.js';
import { decodeOutcome, isFinal, isOutcomeRecord, type Outcome } from '../protocol/outcome.js';
import { Entries, type Entry, firstLook, type Listener, type OpenWait } from './entries.js';
import type { Ledger, Sought } from './ledger.js';
import type { Tide } from './tide.js';
import { judge, type Questions, type Verdict } from './verdict.js';

/** Where results are waited for. */
export interface ResultMailbox {
  /** The name of this process in messages that ask for a push. */
  readonly caller: string;
  /**
   * A number that stays the same while no push can have been missed. A call that was sent under the
   * current number needs no look at its key.
   */
  readonly epoch: number;
  /** Waits for a task. The listener may hear of its end before this has returned. */
  wait(id: string, sentAt: number | undefined, listener: Listener): OpenWait;
  /**
   * Hears another channel on the same connection, until the mailbox is closed. Resolves when Redis
   * has been told, also where it knows: so it shows that the connection lives.
   *
   * @param what opens the error's message: "workers were not asked"
   * @throws BrokerError when Redis does not confirm it within `sendTimeout`
   */
  hear(channel: string, listener: (text: string) => void, what: string): Promise<void>;
  /** Ends every wait with an error. */
  close(error: Error): Promise<void>;
}

/** What a mailbox needs of its App. */
export interface MailboxPlace {
  readonly prefix: string;
  readonly caller: string;
  readonly ledger: Ledger;
  readonly tide: Tide;
  readonly inTime: Broker['inTime'];
  /** Makes the handles on tasks that values hold. */
  readonly handles: HandleMaker;
  /** Whether what has to end before a task is there. */
  readonly holds: Questions['holds'];
}

/** A name for this process. */
export const callerName = (): string => randomBytes(9).toString('base64url');

/** An outcome that nobody has asked for yet. */
interface Early {
  readonly record: unknown;
  /** About how many characters it has. */
  readonly size: number;
}

/** Outcomes that came before anyone asked for them: how many are kept, and how much of them. */
const mostKept = 10_000;
const mostCharacters = 16 * 1024 * 1024;
/** How often the connection is tried while someone waits. */
const pulse = 3_000;
/** How long workers tell of every task once somebody waits for another process's. */
const followed = 4 * pulse;
/** Longest wait between looks at a key whose push may have been lost; the first is `firstLook`. */
const lastLook = 60_000;
/** Wait before a task of which nothing is found is looked for once more. */
const secondLook = 250;
/** Most keys read in one go. */
const portion = 500;

/**
 * Resolves waiting calls by pushes from workers.
 *
 * A push can be missed: the subscription is not up yet, the connection breaks, a worker dies
 * between storing and pushing. The stored record is the truth. It is read when the subscription
 * comes up, and at growing intervals while someone waits.
 */
export class Mailbox implements ResultMailbox {
  readonly caller: string;
  readonly #open: () => Redis;
  readonly #place: MailboxPlace;
  readonly #entries = new Entries((entry) => this.#removed(entry));
  readonly #early = new Map<string, Early>();
  #earlySize = 0;
  #subscription: Redis | undefined;
  /** Those of other channels that are heard on the same connection. */
  readonly #listeners = new Map<string, (text: string) => void>();
  #timer: NodeJS.Timeout | undefined;
  #listening = false;
  /** The level at which it has begun to hear, or has lost what it had heard. */
  #epoch = 0;
  #reading = false;
  #following = false;

  constructor(open: () => Redis, place: MailboxPlace) {
    this.#open = open;
    this.#place = place;
    this.caller = place.caller;
  }

  get epoch(): number {
    return this.#place.tide.level;
  }

  wait(id: string, sentAt: number | undefined, listener: Listener): OpenWait {
    const early = this.#early.get(id);
    const entry = this.#entries.entry(id, listener);
    if (early) {
      this.#drop(id, early);
      this.#settle(early.record, [entry]);
      return entry;
    }
    if (!this.#subscription) this.#subscribe();
    this.#add(entry);
    if (!this.#listening) return entry;
    if (listener.foreign) this.#follow([entry]);
    else if (sentAt === undefined || sentAt < this.#epoch) this.#lookSoon(entry);
    return entry;
  }

  async hear(channel: string, listener: (text: string) => void, what: string): Promise<void> {
    this.#listeners.set(channel, listener);
    if (!this.#subscription) this.#subscribe();
    const subscription = this.#subscription;
    if (subscription) await this.#place.inTime(subscription, what, hear(subscription, [channel]));
  }

  async close(error: Error): Promise<void> {
    this.#early.clear();
    this.#failAll(error);
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription) await closeConnection(subscription);
  }

  #failAll(error: Error): void {
    const waiting = this.#entries.all();
    this.#entries.clear();
    this.#rest();
    for (const { listener } of waiting) listener.failed(error);
  }

  #add(entry: Entry): void {
    this.#entries.add(entry);
    this.#timer ??= setInterval(() => this.#tick(), pulse);
  }

  #removed({ id, listener }: Entry): void {
    if (listener.foreign && !this.#entries.has(id)) this.#unfollow(id);
    if (this.#entries.isEmpty) this.#rest();
  }

  /** While nobody waits, neither the timer nor the socket keeps the process alive. */
  #rest(): void {
    this.#following = false;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #subscribe(): void {
    const subscription = this.#open();
    this.#subscription = subscription;
    onPush(subscription, (channel, text) => this.#receive(channel, text));
    subscription.on('close', () => {
      this.#listening = false;
    });
    // The server does not have the database: there is nothing to wait for.
    subscription.on('refused', (cause: Error) =>
      this.#failAll(new BrokerError(`results cannot be heard of: ${cause.message}`, { cause })),
    );
    // ioredis would subscribe anew by itself, but would not say when it has.
    subscription.options.autoResubscribe = false;
    subscription.on('ready', () => {
      const channels = [replyChannel(this.#place.prefix, this.caller), ...this.#listeners.keys()];
      hear(subscription, channels).then(
        () => this.#heard(),
        // The connection broke again: the next 'ready' tries again.
        () => undefined,
      );
    });
  }

  #heard(): void {
    this.#listening = true;
    this.#epoch = this.#place.tide.rise();
    const entries = this.#entries.all();
    this.#follow(entries.filter(({ listener }) => listener.foreign));
    this.#lookAt(entries.filter(({ listener }) => !listener.foreign));
  }

  /** Listens for tasks of other processes, each on a channel of its own, and then looks. */
  #follow(entries: Entry[]): void {
    if (entries.length === 0) return;
    const channels = entries.map(({ id }) => resultKey(this.#place.prefix, id));
    this.#following = true;
    const heard = this.#subscription && hear(this.#subscription, channels);
    Promise.all([heard, this.#place.ledger.follow(followed)]).then(
      () => this.#lookAt(entries),
      // The connection broke: they are followed anew when it is back.
      () => undefined,
    );
  }

  #unfollow(id: string): void {
    if (!this.#subscription) return;
    unhear(this.#subscription, resultKey(this.#place.prefix, id)).catch(() => undefined);
  }

  #receive(channel: string, text: string): void {
    const listener = this.#listeners.get(channel);
    if (listener) return listener(text);
    if (channel !== replyChannel(this.#place.prefix, this.caller)) {
      const id = channel.slice(resultKey(this.#place.prefix, '').length);
      this.#lookAt(this.#entries.of(id));
      return;
    }
    let outcomes: unknown;
    try {
      outcomes = JSON.parse(text);
    } catch {
      // Not from a worker of ours. What it may have stood for is found by a look at the key.
      return;
    }
    if (!Array.isArray(outcomes)) return;
    // What one takes of a push that holds several is near enough, to bound what is kept.
    const size = text.length / outcomes.length;
    for (const record of outcomes as unknown[]) this.#deliver(record, size);
  }

  #deliver(record: unknown, size: number): void {
    if (!isOutcomeRecord(record)) return;
    if (record.state === 'PENDING') return this.#takeBack(record.id);
    const waiting = this.#entries.of(record.id);
    if (waiting.length > 0) this.#settle(record, waiting);
    else if (isFinal(record.state)) this.#keep(record.id, { record, size });
  }

  /** A task that had failed is to run again: what it ended with is no longer what it ends with. */
  #takeBack(id: string): void {
    const early = this.#early.get(id);
    if (early) this.#drop(id, early);
  }

  #keep(id: string, early: Early): void {
    const before = this.#early.get(id);
    if (before) this.#drop(id, before);
    this.#early.set(id, early);
    this.#earlySize += early.size;
    for (const [oldest, dropped] of this.#early) {
      if (this.#early.size <= mostKept && this.#earlySize <= mostCharacters) return;
      this.#drop(oldest, dropped);
      // Whoever asks for that one must look at its key.
      this.#epoch = this.#place.tide.rise();
    }
  }

  #drop(id: string, { size }: Early): void {
    this.#early.delete(id);
    this.#earlySize -= size;
  }

  #settle(record: unknown, entries: readonly Entry[]): void {
    let outcome: Outcome | undefined;
    let failure: unknown;
    try {
      outcome = decodeOutcome(record, this.#place.handles);
    } catch (error) {
      failure = error;
    }
    for (const entry of entries) {
      if (outcome && !isFinal(outcome.state)) {
        if (isNews(entry, outcome)) entry.listener.progress(outcome);
        continue;
      }
      entry.end();
      if (outcome) entry.listener.done(outcome);
      else entry.listener.failed(failure);
    }
  }

  #soon: Entry[] = [];

  /** Looks at the keys that are asked for in one turn of the event loop together. */
  #lookSoon(entry: Entry): void {
    if (this.#soon.push(entry) > 1) return;
    setImmediate(() => {
      const entries = this.#soon;
      this.#soon = [];
      this.#lookAt(entries);
    });
  }

  /** Every few seconds while someone waits: is the connection alive, has a push been missed? */
  #tick(): void {
    const subscription = this.#subscription;
    // A dead connection is found out by asking: `socketTimeout` then ends it, and it heals.
    if (subscription?.status === 'ready') subscription.ping().catch(() => undefined);
    if (this.#following) this.#place.ledger.follow(followed).catch(() => undefined);
    const now = performance.now();
    const due = this.#entries.due(now, portion);
    if (due.length > 0 && !this.#reading) this.#lookAt(due);
  }

  #lookAt(entries: Entry[]): void {
    const now = performance.now();
    for (const entry of entries) {
      entry.look = now + entry.wait;
      entry.wait = Math.min(entry.wait * 2, lastLook);
    }
    this.#reading = true;
    this.#look(entries)
      // The connection broke: the entries are due again at their next look.
      .catch(() => undefined)
      .finally(() => {
        this.#reading = false;
      });
  }

  async #look(entries: Entry[]): Promise<void> {
    for (let from = 0; from < entries.length; from += portion) {
      const some = entries.slice(from, from + portion);
      const askedAt = performance.now();
      const found = await this.#place.ledger.lookFor(some.map(soughtBy));
      const questions = this.#questions();
      await Promise.all(
        some.map(async (entry, index) => {
          const seen = found[index];
          if (!seen || !entry.waits) return;
          this.#apply(entry, await judge(entry, seen, questions), askedAt);
        }),
      );
    }
  }

  /** Many parts of a group wait for the same tasks, which are looked for once. */
  #questions(): Questions {
    const asked = new Map<string, Promise<boolean>>();
    return {
      isIgnored: (id, queue) => this.#place.ledger.isIgnored(id, queue),
      findJob: (id, queue) => this.#place.ledger.findJob(id, queue),
      holds: (before) => {
        const key = JSON.stringify(before ?? null);
        const answer = asked.get(key) ?? this.#place.holds(before);
        asked.set(key, answer);
        return answer;
      },
    };
  }

  /** @param askedAt when what the verdict rests on was asked for */
  #apply(entry: Entry, verdict: Verdict, askedAt: number): void {
    if (!entry.waits) return;
    if (verdict.kind === 'record') {
      this.#settle(verdict.record, [entry]);
    } else if (verdict.kind === 'open') {
      entry.missedAt = undefined;
      entry.unknownSince = undefined;
    } else if (verdict.kind === 'unknown') {
      entry.unknownSince ??= performance.now();
      if (performance.now() - entry.unknownSince >= firstLook) entry.listener.unknown?.();
    } else if (entry.missedAt === undefined && !isIgnored(verdict)) {
      // Somebody may have taken it out just now, and be about to store why.
      entry.missedAt = performance.now();
      setTimeout(() => this.#lookAt([entry]), secondLook);
    } else if (entry.missedAt === undefined || askedAt > entry.missedAt) {
      entry.end();
      if (verdict.kind === 'end') entry.listener.done(verdict.outcome);
      else entry.listener.lost();
    }
  }
}

/** Where somebody is sure that a task is not, it may be somewhere else: middleware has moved it. */
const soughtBy = ({ id, listener, queue, missedAt }: Entry): Sought => ({
  id,
  queue,
  anywhere: (listener.byId === true && queue === undefined) || missedAt !== undefined,
});

const isIgnored = (verdict: Verdict): boolean =>
  verdict.kind === 'end' && verdict.outcome.state === 'IGNORED';

/** A look at the key may find what a push has told before, or what is older than that. */
function isNews(entry: Entry, { worker, at }: Outcome): boolean {
  if (entry.heard && entry.heard.worker === worker && at <= entry.heard.at) return false;
  entry.heard = { worker, at };
  return true;
}
