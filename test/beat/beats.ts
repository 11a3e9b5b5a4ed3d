/** Beats in this process, and what stands in Redis of their entries. */
import type { App, BeatInfo } from 'dtask';
import { Beat } from 'dtask/worker';
import { onTestFinished } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { until } from '../support/until.js';

/** Starts a beat that stops when the test ends. */
export async function startBeat(app: App): Promise<Beat> {
  const beat = new Beat(app, { logLevel: 'silent' });
  onTestFinished(() => beat.stop());
  await beat.start();
  return beat;
}

/** An entry, once a beat has written it. */
export function taken(app: App, name: string): Promise<BeatInfo> {
  return until(`entry ${name} is there`, () => app.beat.get(name));
}

/** Resolves to an entry as soon as it is as asked for. */
export function entryThat(
  app: App,
  name: string,
  is: (entry: BeatInfo) => boolean,
): Promise<BeatInfo> {
  return until(`entry ${name} is as expected`, async () => {
    const entry = await app.beat.get(name);
    return entry && is(entry) && entry;
  });
}

/** A key of an App's entries. */
export const beatKey = (app: App, part: string): string =>
  `${app.config.prefix}:beat:{${app.name}}:${part}`;

/** Makes it so that the next tick of an entry was due some time ago, as after an outage. */
export async function makeLate(app: App, name: string, late: number): Promise<Date> {
  const { redis } = stage;
  const states = beatKey(app, 'states');
  const state = JSON.parse((await redis.hget(states, name)) ?? '{}') as { tick: number };
  const tick = state.tick - late;
  await redis
    .multi()
    .hset(states, name, JSON.stringify({ ...state, tick, fireAt: tick }))
    .zadd(beatKey(app, 'due'), tick, name)
    .exec();
  return new Date(tick);
}
