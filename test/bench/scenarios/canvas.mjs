/** What canvases cost: groups, chords and chains. */
// @ts-check
import { median, pairedRatio } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { inTurns, sideNames, sides } from '../rounds.mjs';
import { digits, spread } from '../text.mjs';

/** @type {import('../bench.mjs').Scenario} */
export const canvas = {
  name: 'canvas',
  title: 'groups, chords and chains',
  async run({ server, short }) {
    const parts = short ? 500 : 10_000;
    const steps = short ? 50 : 1_000;
    const rounds = short ? 1 : 5;
    await server.empty();
    const pairs = { dtask: await open(server, 'dtask'), bullmq: await open(server, 'bullmq') };
    // What a process does for the first time takes longer, and a group is a second of work.
    for (const side of sides)
      for (let turn = 0; turn < (short ? 1 : 3); turn += 1)
        await pairs[side].caller.ask('group', parts);
    const groups = await inTurns({ rounds, budget: 30 }, (side) =>
      pairs[side].caller.ask('group', parts),
    );
    const { caller } = pairs.dtask;
    const gaps = [];
    const ratios = [];
    for (let round = 0; round < rounds; round += 1) {
      gaps.push(await caller.ask('chord', parts));
      const chained = await caller.ask('chain', steps);
      const single = await caller.ask('roundTrips', steps);
      ratios.push(
        chained /
          single.reduce((/** @type {number} */ all, /** @type {number} */ one) => all + one, 0),
      );
    }
    const memory = await weigh(server, caller, parts);
    for (const { caller: one, worker } of Object.values(pairs)) {
      await one.stop();
      await worker.stop();
    }
    const rate = pairedRatio(groups.dtask, groups.bullmq);
    const gap = median(gaps);
    const ratio = median(ratios);
    return {
      data: { groups, gaps, ratios, memory },
      tables: [
        {
          title: `A group of ${digits(parts)} additions, sent and gathered; plain BullMQ: addBulk and waitUntilFinished`,
          columns: ['', 'results/s'],
          rows: sides.map((side) => [sideNames[side], spread(groups[side])]),
        },
        {
          title: 'Of dtask alone',
          columns: ['what', 'measured'],
          rows: [
            [`chord of ${digits(parts)}: last part's end to the body's start, ms`, spread(gaps)],
            [`chain of ${digits(steps)}: times as long as so many round trips`, spread(ratios)],
            ['bytes in Redis for a part of a chord that waits', digits(memory.waiting)],
            ['bytes in Redis for a part of a chord that has ended', digits(memory.finished)],
          ],
        },
      ],
      bars: [
        {
          kind: 'time',
          text: "a group's results/s are at least 1.3 times plain BullMQ's",
          got: digits(rate),
          met: rate >= 1.3,
          compared: { what: `group of ${digits(parts)}`, ratio: rate },
        },
        {
          kind: 'time',
          text: 'the body of a chord starts within 50 ms of its last part',
          got: `${digits(gap)} ms`,
          met: gap < 50,
        },
        {
          kind: 'time',
          text: 'a chain takes at most 1.3 times as long as its steps one by one',
          got: digits(ratio),
          met: ratio <= 1.3,
        },
      ],
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {import('../rounds.mjs').Side} side
 */
async function open(server, side) {
  const worker = new RoleProcess(`${side}-worker`, server);
  await worker.ask('start', 50);
  const caller = new RoleProcess(`${side}-caller`, server);
  if (side === 'bullmq') await caller.ask('listen');
  return { worker, caller };
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {RoleProcess} caller
 * @param {number} parts
 */
async function weigh(server, caller, parts) {
  const before = await server.memory();
  // To a queue that nobody consumes.
  await caller.ask('idleChord', parts);
  const waiting = ((await server.memory()) - before) / parts;
  const then = await server.memory();
  await caller.ask('chord', parts);
  const finished = ((await server.memory()) - then) / parts;
  return { waiting, finished };
}
