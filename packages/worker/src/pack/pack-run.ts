/** Runs the calls of a pack, one after another, each as a task of its own. */
import { setImmediate as turn } from 'node:timers/promises';
import { encodeOutcome, findCall, type Message, type RevocationMark } from '@dtask/core/internal';
import type { Job } from 'bullmq';
import { type Current, newCurrent } from '../current.js';
import { FailedRun, ownFields } from '../failed-run.js';
import { LockLost } from '../job-lock.js';
import { marksOf, setRevoked } from '../marks.js';
import type { Outcomes } from '../outcomes.js';
import { GivenUp } from '../refusals.js';
import type { Revoked } from '../revoked.js';
import { PackedJob } from './packed-job.js';
import type { Single, Singles } from './singles.js';

/**
 * After this time no further call of a pack is begun, in milliseconds: the others go by themselves, to
 * whoever has room. What sending them costs is little beside what they take.
 */
const budget = 250;

/** Calls whose functions are not async run for so long without a turn of the event loop, in milliseconds. */
const longestTurn = 10;

/** What a run needs of its worker. */
export interface PackPlace {
  readonly outcomes: Outcomes;
  readonly singles: Singles;
  /** Executes one call as a job is executed; what it throws says where the job goes. */
  readonly execute: (current: Current, message: Message) => Promise<void> | undefined;
  /** Whether nothing is to be begun any more. */
  readonly withdrawn: () => boolean;
}

/** One pack that a worker has. */
export class PackRun {
  readonly #place: PackPlace;
  readonly #pack: Current;
  readonly #calls: readonly Message[];
  readonly #limited: () => boolean;
  readonly #revoked: Map<string, string>;
  readonly #began = performance.now();
  #lastTurn = this.#began;
  /** The place of the next call that is begun. */
  #next = 0;

  /** @param limited whether its calls have limits by now: one that has to wait needs a job to wait in */
  constructor(place: PackPlace, pack: Current, calls: readonly Message[], limited: () => boolean) {
    this.#place = place;
    this.#pack = pack;
    this.#calls = calls;
    this.#limited = limited;
    this.#revoked = revokedIn(marksOf(pack.job).revokedCalls);
  }

  /** Revokes a call that has not begun; gives whether it is here. */
  revoke(id: string, by: Revoked): boolean {
    const waits = this.#calls.slice(this.#next).some((call) => call.id === id);
    if (waits && !this.#revoked.has(id)) this.#revoked.set(id, markOf(by));
    return waits;
  }

  /** Runs the calls. Gives a promise only where there is something to wait for. */
  run(): Promise<void> | undefined {
    while (this.#next < this.#calls.length) {
      if (this.#isEnough()) return this.#sendRest();
      const pending = this.#begin() ?? this.#breath();
      if (pending) return this.#goOn(pending);
    }
    return undefined;
  }

  async #goOn(begun: Promise<void>): Promise<void> {
    await begun;
    while (this.#next < this.#calls.length) {
      if (this.#isEnough()) return this.#sendRest();
      await (this.#begin() ?? this.#breath());
    }
    return undefined;
  }

  /** Lets the event loop turn now and then: the ends of calls are written then, and others run. */
  #breath(): Promise<void> | undefined {
    const now = performance.now();
    if (now - this.#lastTurn < longestTurn) return undefined;
    this.#lastTurn = now;
    return turn();
  }

  /** Sends each call by itself that has not ended. One that was revoked ends. */
  async scatter(): Promise<void> {
    const calls = this.#rest();
    const ends = await Promise.all(calls.map(({ id }) => this.#place.outcomes.recorded(id)));
    await Promise.all(
      calls.map(async (call, at) => {
        const end = ends[at];
        if (!end) return this.#alone(call);
        if (end.state !== 'FAILURE') return undefined;
        // Maybe it is not among the failed ones yet.
        return this.#sendAlone(call, { ended: encodeOutcome(end, Number.MAX_SAFE_INTEGER) });
      }),
    );
  }

  /**
   * The calls that have not begun; none is, behind that. The last comes first, for each of them is put
   * ahead of those that wait.
   */
  #rest(): readonly Message[] {
    const rest = this.#calls.slice(this.#next).toReversed();
    this.#next = this.#calls.length;
    return rest.filter(({ id }) => this.#revoked.get(id) !== taken);
  }

  #alone(call: Message): Promise<void> | undefined {
    return this.#revoked.has(call.id) ? this.#one(call) : this.#sendAlone(call);
  }

  #isEnough(): boolean {
    if (this.#place.withdrawn() || this.#limited()) return true;
    return this.#next > 0 && performance.now() - this.#began > budget;
  }

  async #sendRest(): Promise<void> {
    await Promise.all(this.#rest().map(async (call) => this.#alone(call)));
  }

  /** Begins the next call. */
  #begin(): Promise<void> | undefined {
    const call = this.#calls[this.#next] as Message;
    this.#next += 1;
    return this.#one(call);
  }

  #one(call: Message): Promise<void> | undefined {
    const revoked = this.#revoked.get(call.id);
    if (revoked === taken) return undefined;
    const { lock, source, queue, job } = this.#pack;
    const packed = new PackedJob(call, job.timestamp);
    const current = newCurrent(packed.job, lock, source, queue);
    if (revoked !== undefined) setRevoked(packed.job, revoked);
    try {
      const pending = this.#place.execute(current, call);
      return pending?.catch((thrown: unknown) => this.#put(packed, thrown));
    } catch (thrown) {
      return this.#put(packed, thrown);
    }
  }

  /** Puts a call where its end says. */
  async #put({ id, args, opts, crashes, job }: PackedJob, thrown: unknown): Promise<void> {
    // Somebody else has the pack, or gets it: with all its calls.
    if (thrown instanceof LockLost || thrown instanceof GivenUp) throw thrown;
    const { attempts, backoff } = opts;
    const message = await this.#asSent(id);
    if (!(thrown instanceof FailedRun)) {
      // It goes back to its queue, ahead of those behind it.
      if (this.#isEnough()) await this.#sendRest();
      return this.#sendAlone(message, { crashes });
    }
    if (attempts === 0) return this.#bury(message, job, thrown);
    const delay = typeof backoff === 'object' ? (backoff.delay ?? 0) : 0;
    const why = { reason: thrown.message, stack: thrown.stack ?? thrown.message };
    return this.#sendAlone(message, { delay, attempts: 1, why, ...(args && { args }) });
  }

  /** A call as it came, whatever the task did to what it held. */
  async #asSent(id: string): Promise<Message> {
    const { lock } = this.#pack;
    const pack = lock.job.id ?? '';
    const call = findCall(pack, await this.#place.singles.read(lock), id);
    if (!call) throw new LockLost(pack);
    return call;
  }

  /**
   * Puts a call that has failed for good among the failed ones: as a message whose end is known.
   * Whoever takes it fails it without a run.
   */
  #bury(message: Message, job: Job, thrown: FailedRun): Promise<void> {
    thrown.keepWith(job);
    const { err } = ownFields(job);
    return this.#sendAlone(message, err === undefined ? {} : { ended: err });
  }

  #sendAlone(message: Message, more: Partial<Single> = {}): Promise<void> {
    const { source: queue, job, lock } = this.#pack;
    return this.#place.singles.send({ message, queue, priority: job.priority, lock, ...more });
  }
}

const markOf = ({ kind, reason }: Revoked): string =>
  JSON.stringify({ ...(kind === 'terminated' && { terminate: true }), reason });

/** Stands for the mark of a call that has been ended where it was revoked. */
const taken = 'taken';

/** The marks on a pack, by the ids of its calls. */
function revokedIn(text: string | undefined): Map<string, string> {
  const revoked = new Map<string, string>();
  if (text === undefined) return revoked;
  try {
    for (const [id, mark] of Object.entries(JSON.parse(text) as Record<string, string>)) {
      const { taken: isTaken } = JSON.parse(mark) as RevocationMark;
      revoked.set(id, isTaken ? taken : mark);
    }
  } catch {
    // Of damaged marks those hold that could be read.
  }
  return revoked;
}
