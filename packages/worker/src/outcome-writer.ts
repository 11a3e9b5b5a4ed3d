/** Writes the outcomes of a worker's tasks, several in one command, and behind them what ends their jobs. */
import { randomUUID } from 'node:crypto';
import {
  batchesOf,
  mostOutcomes,
  noLock,
  type OutcomeWrite,
  proofKey,
  type Proof,
  resultKey,
  storeOutcomes,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { JobLock } from './job-lock.js';
import type { Refusals } from './refusals.js';

/** An outcome of a job that a worker has. */
export interface JobOutcome extends OutcomeWrite {
  readonly job: JobLock;
  /** Whether the task has ended by it, or something else takes the task's place. */
  readonly isEnd: boolean;
  /** Who writes: of several outcomes the last one counts. */
  readonly owner: { written?: JobOutcome | undefined };
}

/** What is called behind outcomes. */
interface Follower {
  readonly send: () => void;
  /** It is not sent any more. */
  readonly drop: () => void;
}

/** Waits until all outcomes before it are stored. */
interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What a writer needs of its worker. */
export interface OutcomeWriterPlace {
  readonly connection: Redis;
  readonly prefix: string;
  readonly refusals: Refusals;
}

/**
 * Followers that are gathered before all is written. More would save Redis little, and leave it
 * idle while the rest of a turn's tasks run.
 */
const most = 24;

/**
 * Writes outcomes on a connection, and behind them the commands that must not come before them, such
 * as a job's completion.
 *
 * Redis runs a connection's commands in order, so nobody waits for a reply. But it may refuse the
 * outcomes and take what is behind them: so each command of outcomes leaves a proof, for which those
 * behind it look (`proof`). What was refused is kept, and tried again with growing waits; until it is
 * stored nothing else is sent, and what is behind it waits.
 */
export class OutcomeWriter {
  readonly #place: OutcomeWriterPlace;
  readonly #proofKey: string;
  readonly #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };
  #outcomes: JobOutcome[] = [];
  #followers: Follower[] = [];
  /** Those that are called just now. */
  #following: Follower[] | undefined;
  #scheduled = false;
  #waiting: Waiting[] = [];
  #sent = 0;
  /** How many commands of outcomes have no reply yet. */
  #open = 0;
  /** Resolves when all is answered that was sent up to now. */
  #last: Promise<unknown> = Promise.resolve();
  /** While outcomes that were refused are tried again. */
  #stuck: Promise<void> | undefined;

  constructor(place: OutcomeWriterPlace) {
    this.#place = place;
    this.#proofKey = proofKey(place.prefix, randomUUID());
  }

  /** Adds an outcome to what is written next. */
  write(outcome: JobOutcome): void {
    const { owner } = outcome;
    owner.written = outcome;
    // Of those that have to wait, the last one of a task is enough.
    if (this.#stuck) this.#outcomes = this.#outcomes.filter((one) => one.owner !== owner);
    this.#outcomes.push(outcome);
    if (this.#outcomes.length < mostOutcomes) this.#schedule();
    else this.flush();
  }

  /**
   * Resolves when Redis has stored all outcomes before it, save those of jobs that are lost: their
   * locks say so.
   *
   * @throws GivenUp (rejects) when the worker ends before that
   */
  stored(): Promise<void> {
    this.#schedule();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** What shows that all outcomes are stored that were sent; nothing where that is certain by now. */
  get proof(): Pick<Proof, 'key' | 'value'> | undefined {
    return this.#open === 0 ? undefined : { key: this.#proofKey, value: this.#sent };
  }

  /**
   * Calls `send` when all outcomes before it are written. What is asked for while that goes on is
   * called last of all.
   *
   * @param drop is called in its place where the worker ends before Redis has taken the outcomes
   */
  follow(send: () => void, drop: () => void = send): void {
    if (this.#following) {
      this.#following.push({ send, drop });
      return;
    }
    this.#followers.push({ send, drop });
    if (this.#followers.length < most) this.#schedule();
    // In the middle of a turn: Redis is to have work while the turn goes on.
    else this.#write()?.uncork();
  }

  /** Writes what is gathered, together with what is written in the rest of this turn. */
  flush(): void {
    const stream = this.#write();
    if (stream) process.nextTick(() => stream.uncork());
  }

  /** Gives the stream, corked, where there is one: each write to a socket is a system call. */
  #write(): Redis['stream'] | undefined {
    if (this.#stuck) return undefined;
    const outcomes = this.#outcomes;
    const followers = this.#followers;
    const waiting = this.#waiting;
    if (outcomes.length + followers.length + waiting.length === 0) return undefined;
    this.#outcomes = [];
    this.#followers = [];
    // The outcomes by themselves: what Redis reads in one piece it answers in one piece, and their
    // callers would wait for the commands behind them.
    for (const batch of outcomes.length > 0 ? batchesOf(outcomes) : [])
      this.#last = this.#send(batch as readonly JobOutcome[]);
    if (waiting.length > 0) {
      this.#waiting = [];
      void this.#tell(this.#last, waiting);
    }
    const stream = this.#place.connection.stream as Redis['stream'] | undefined;
    stream?.cork();
    this.#following = followers;
    try {
      // There may come more on the way.
      for (const { send } of followers) send();
    } finally {
      this.#following = undefined;
    }
    return stream;
  }

  /** After the microtasks of this turn, in which the other tasks of one reply end as well. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#onTurn);
  }

  /** A connection is answered in order. */
  async #tell(last: Promise<unknown>, waiting: readonly Waiting[]): Promise<void> {
    try {
      await last;
      while (this.#stuck) await this.#stuck;
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  /** Sends outcomes that are kept for the same time; resolves when they are answered, and never rejects. */
  #send(batch: readonly JobOutcome[]): Promise<void> {
    const { connection, prefix } = this.#place;
    const before = this.#open === 0 ? undefined : this.#sent;
    this.#sent += 1;
    this.#open += 1;
    const proof = { key: this.#proofKey, value: this.#sent, before };
    return storeOutcomes(connection, prefix, batch, proof).then(
      (refused) => {
        this.#open -= 1;
        if (refused.length > 0) this.#keep(refused as readonly JobOutcome[]);
      },
      (error: unknown) => {
        this.#open -= 1;
        this.#keep(batch, error);
      },
    );
  }

  /** Keeps outcomes that are not stored, to try them again. */
  #keep(outcomes: readonly JobOutcome[], error?: unknown): void {
    this.#outcomes.unshift(...outcomes);
    this.#stuck ??= this.#recover(error);
    // Who waits for it is told.
    this.#stuck.catch(() => undefined);
  }

  async #recover(error: unknown): Promise<void> {
    const { refusals } = this.#place;
    const ids = new Set<string>();
    let refusal = error;
    try {
      for (let attempt = 0; this.#outcomes.length > 0; attempt += 1) {
        if (refusal !== undefined) {
          const waiting = this.#outcomes.map(({ id }) => id);
          for (const id of waiting) ids.add(id);
          await refusals.pause(waiting, 'the ends of tasks', refusal, attempt);
        }
        refusal = await this.#storeAll();
      }
    } catch (reason) {
      this.#drop(reason as Error);
      throw reason;
    } finally {
      this.#stuck = undefined;
      refusals.settled([...ids]);
      this.#schedule();
    }
  }

  /** Stores all that there is, and what comes meanwhile; gives the error where Redis refuses some of it. */
  async #storeAll(): Promise<unknown> {
    const { connection, prefix } = this.#place;
    while (this.#outcomes.length > 0) {
      const [all] = batchesOf(this.#outcomes) as Iterable<readonly JobOutcome[]>;
      const batch = new Set(all);
      // Of two outcomes of a task the later one may be stored by now.
      const wanted = [...batch].filter((one) => one.owner.written === one && !one.job.isLost);
      try {
        const refused = wanted.length > 0 ? await storeOutcomes(connection, prefix, wanted) : [];
        const back = await Promise.all((refused as readonly JobOutcome[]).map(retaken(prefix)));
        this.#outcomes = this.#outcomes.filter((one) => !batch.has(one));
        this.#outcomes.unshift(...back.filter((one) => one !== undefined));
      } catch (error) {
        return error ?? new Error('results were not stored');
      }
    }
    return undefined;
  }

  /** The worker ends: what was not stored is left to whoever gets the jobs. */
  #drop(reason: Error): void {
    for (const { job } of this.#outcomes) job.left = reason;
    const followers = this.#followers;
    const waiting = this.#waiting;
    this.#outcomes = [];
    this.#followers = [];
    this.#waiting = [];
    for (const { drop } of followers) drop();
    for (const { reject } of waiting) reject(reason);
  }
}

/** An outcome whose lock was not held, where it may be stored after all. */
const retaken =
  (prefix: string) =>
  async (outcome: JobOutcome): Promise<JobOutcome | undefined> => {
    const { job, lock, id, owner } = outcome;
    if (lock?.token === noLock) job.isLost = true;
    switch (await job.regain()) {
      case 'held':
        return outcome;
      case 'lost':
        return undefined;
      case 'gone': {
        // The job has ended elsewhere, and its record says so; or Redis has lost all that it had.
        const first = { ...outcome, lock: { key: resultKey(prefix, id), token: noLock } };
        owner.written = first;
        return first;
      }
    }
  };
