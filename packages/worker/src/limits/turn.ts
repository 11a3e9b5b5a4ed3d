/** The rate of a task over all workers: each start gets its time, one after another. */
import { OwnScript, turnKey, turnsKey } from '@dtask/core/internal';
import type { Redis } from 'ioredis';

/** What a rate remembers, in milliseconds of one clock. */
export interface Times {
  /** When the next turn is free for a call that has none. */
  free: number;
  /** When the next start may be. */
  open: number;
  /** When the next turn is free for a call that came too late for its own. */
  late: number;
}

/** So late starts are made up for: the next one comes that much earlier, and the rate is kept. */
export const slack = 100;
/** So early a call may come to its turn, as clocks differ and milliseconds are rounded. */
export const early = 10;

/**
 * The generic cell rate algorithm (ITU-T I.371) with a burst of one, as Celery's bucket has: of starts,
 * and not of turns alone. A call asks once for a turn, and waits in its queue until that has come. Then
 * it asks whether it may start: where no worker had room for a while, many calls come to their turns at
 * once. They get new ones behind each other, and not behind all that have a turn.
 *
 * @returns how long the call is to wait, in milliseconds
 */
export function nextTurn(times: Times, now: number, interval: number, hasTurn: boolean): number {
  const isFree = hasTurn || Math.max(times.free, times.late) <= now;
  if (isFree && times.open <= now + early) {
    times.open = (times.open > now - slack ? times.open : now) + interval;
    times.free = Math.max(times.free, times.open);
    return 0;
  }
  if (hasTurn) {
    const turn = Math.max(times.open, times.late);
    times.late = turn + interval;
    return turn - now;
  }
  const turn = Math.max(times.free, times.open, times.late);
  times.free = turn + interval;
  return turn - now;
}

/**
 * The same on the server, by its clock. KEYS: the times, parted by spaces; how often the turns of tasks were taken back. ARGV:
 * the time between two starts; 1 where the call has a turn; the task, where its turns are by key, or ''.
 * Times of keys say in the fourth place of which count they are. Gives the wait in milliseconds.
 */
const script = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local interval, hasTurn, times = tonumber(ARGV[1]), ARGV[2] == '1', {}
for time in string.gmatch(redis.call('GET', KEYS[1]) or '', '%S+') do times[#times + 1] = tonumber(time) end
local count = ARGV[3] ~= '' and tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or 0)
if count and times[4] and times[4] ~= count then times = {} end
local free, open, late = times[1] or 0, times[2] or 0, times[3] or 0
local turn = now
if (hasTurn or math.max(free, late) <= now) and open <= now + ${early} then
  open = (open > now - ${slack} and open or now) + interval
  free = math.max(free, open)
elseif hasTurn then
  turn = math.max(open, late)
  late = turn + interval
else
  turn = math.max(free, open, late)
  free = turn + interval
end
local last = math.max(free, open, late)
local said = string.format('%.3f %.3f %.3f', free, open, late)
if count then said = said .. ' ' .. string.format('%.0f', count) end
redis.call('SET', KEYS[1], said, 'PX', math.ceil(last - now) + 1000)
return string.format('%.3f', turn - now)`;

const take = new OwnScript<string>(2, script);

/** Takes a turn, or the start that a call has a turn for; gives how long to wait, in milliseconds. */
export async function takeTurn(
  { connection, prefix }: { readonly connection: Redis; readonly prefix: string },
  task: string,
  key: string,
  interval: number,
  hasTurn: boolean,
): Promise<number> {
  // The turns of a task without keys are one key, which is removed when they are taken back.
  const field = key === turnKey(prefix, task) ? '' : task;
  const asked = [interval, hasTurn ? 1 : 0, field];
  return Number(await take.run(connection, key, turnsKey(prefix), ...asked));
}

/** The rate of a task on this worker alone. */
export class LocalTurns {
  readonly #times = new Map<string, Times>();

  /** As {@link takeTurn}. */
  take(key: string, interval: number, hasTurn: boolean): number {
    const now = performance.now();
    let times = this.#times.get(key);
    if (!times) {
      if (this.#times.size >= mostKeys) this.#forgetPast(now);
      this.#times.set(key, (times = { free: 0, open: 0, late: 0 }));
    }
    return nextTurn(times, now, interval, hasTurn);
  }

  /** Forgets a key, and those that begin with it and a space. */
  forget(key: string): void {
    for (const one of this.#times.keys())
      if (one === key || one.startsWith(`${key} `)) this.#times.delete(one);
  }

  /** Keys whose times have passed say nothing. */
  #forgetPast(now: number): void {
    for (const [key, { free, late }] of this.#times)
      if (Math.max(free, late) < now) this.#times.delete(key);
  }
}

const mostKeys = 10_000;
