/** BullMQ's completion of several jobs in one command. */
import { findScript, OwnScript } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { Backend } from './backend.js';
import { argumentCount, Completion, guard, keyCount, type Shown } from './completion.js';
import { unlockNext } from './fetch.js';

/** A job that is to be completed. */
export interface Completing {
  readonly id: string;
  readonly completion: Completion;
  /** Hears what the script replied: the next job's fields and id, or a number. */
  readonly done: (reply: unknown) => void;
  /** The command has failed: nobody knows whether the job is complete. */
  readonly failed: () => void;
}

/** How many arguments are the same for all jobs; behind them is an id and the options for each. */
const own = argumentCount + 1;

/** Has one of the script's functions work only when it is first called. */
const once = (name: string): string => `
do
  local work, isDone = ${name}, false
  ${name} = function(...)
    if isDone then return end
    isDone = true
    work(...)
  end
end`;

/** Functions of the script whose work is the same for all jobs, and how it is done only once. */
const cheaper: Readonly<Record<string, string>> = {
  trimEvents: once('trimEvents'),
  promoteDelayedJobs: once('promoteDelayedJobs'),
  getQueueMetadata: `
do
  local work, isPlain = getQueueMetadata, {}
  getQueueMetadata = function(meta, ...)
    if isPlain[meta] == nil then
      local set = rcall('HMGET', meta, 'paused', 'concurrency', 'max', 'duration')
      isPlain[meta] = not (set[1] or set[2] or set[3] or set[4])
    end
    if isPlain[meta] then return false end
    return work(meta, ...)
  end
end`,
  addBaseMarkerIfNeeded: `
do
  local work, isUp = addBaseMarkerIfNeeded, {}
  addBaseMarkerIfNeeded = function(marker, isHeld)
    if isHeld or isUp[marker] then return end
    isUp[marker] = true
    work(marker, isHeld)
  end
end`,
};

/**
 * Runs BullMQ's script for each job: its functions are made once, and what is the same for all is
 * read and done once, which is a quarter of what Redis does for a job. One that fails keeps no other
 * from its end; in place of its reply is the error's text.
 *
 * Gives none where the script does not look as expected: it is cut where its functions end.
 */
function scriptFor(single: string): string | undefined {
  const cut = single.indexOf('\nlocal jobIdKey = KEYS[12]');
  if (cut < 0) return undefined;
  const [functions, work] = [single.slice(0, cut), single.slice(cut)];
  const cheap = Object.keys(cheaper).filter((name) =>
    functions.includes(`\nlocal function ${name}(`),
  );
  return `${guard(`ARGV[${own}]`)}${functions}${cheap.map((name) => cheaper[name]).join('')}
local function complete(KEYS, ARGV)${work}
end
local keys, args, replies = {unpack(KEYS, 1, ${keyCount})}, {unpack(ARGV, 1, ${argumentCount})}, {}
for at = ${own + 1}, #ARGV, 2 do
  keys[12], args[1], args[8] = ARGV[7] .. ARGV[at], ARGV[at], ARGV[at + 1]
  local ok, reply = pcall(complete, keys, args)
  if not ok then
    ${unlockNext('ARGV[7]', 'args[8]', 'args[1]')}
    reply = type(reply) == 'table' and reply.err or tostring(reply)
  end
  replies[#replies + 1] = reply or 0
end
return replies`;
}

/** The completions of one queue that are written at a time. */
export class Completions {
  readonly #connection: Redis;
  readonly #backend: Backend;
  readonly #shown: () => Shown;
  #script: OwnScript<number | unknown[]> | undefined;
  #jobs: Completing[] = [];

  /** @param shown what has to be stored ahead of what is sent now, where that is not certain */
  constructor(connection: Redis, backend: Backend, shown: () => Shown) {
    this.#connection = connection;
    this.#backend = backend;
    this.#shown = shown;
  }

  /**
   * Adds one to those that are sent together.
   *
   * @param later is given what sends them, once for all of them
   */
  add(job: Completing, later: (send: () => void) => void): void {
    if (this.#jobs.push(job) === 1) later(this.#send);
  }

  readonly #send = (): void => {
    const jobs = this.#jobs;
    this.#jobs = [];
    this.#script ??= this.#make();
    const shown = this.#shown();
    if (this.#script && jobs.length > 1) this.#sendAll(this.#script, jobs, shown);
    else
      for (const { id, completion, done, failed } of jobs)
        completion.send(id, shown).then(done, failed);
  };

  #sendAll(script: OwnScript<number | unknown[]>, jobs: readonly Completing[], shown: Shown): void {
    const [first] = jobs;
    if (!first) return;
    const given = first.completion.given(first.id);
    given.splice(keyCount, 0, shown?.key ?? given[0]);
    given.push(shown?.value ?? '');
    for (const { id, completion } of jobs) given.push(id, completion.options);
    script.run(this.#connection, ...given).then(
      (replies) => {
        for (const [at, job] of jobs.entries()) {
          const reply = typeof replies === 'number' ? replies : replies[at];
          if (typeof reply === 'string' || reply === undefined) job.failed();
          else job.done(reply);
        }
      },
      () => {
        for (const job of jobs) job.failed();
      },
    );
  }

  #make(): OwnScript<number | unknown[]> | undefined {
    const single = findScript(this.#connection, 'moveToFinished');
    const lua = single && scriptFor(single.lua);
    return lua === undefined ? undefined : new OwnScript(keyCount + 1, lua);
  }

  /** Those under one lock token. Gives none while the connection does not have BullMQ's script. */
  under(token: string): Completion | undefined {
    return Completion.of(this.#connection, this.#backend, token);
  }
}
