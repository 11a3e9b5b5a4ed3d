/** Runs many calls one by one or so many at a time, and says what they took. */
// @ts-check

/**
 * Makes `count` calls, `width` of them in flight.
 *
 * @param {number} count
 * @param {number} width
 * @param {(index: number) => PromiseLike<unknown>} call
 * @returns {Promise<import('./tally.mjs').Span>}
 */
export async function paced(count, width, call) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  let next = 0;
  const lane = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
  const { user, system } = process.cpuUsage(cpu);
  return { tasks: count, ms: performance.now() - began, cpu: user + system };
}

/**
 * Makes `count` calls one after another.
 *
 * @param {number} count
 * @param {(index: number) => PromiseLike<unknown>} call
 * @returns {Promise<number[]>} what each took, in milliseconds
 */
export async function timed(count, call) {
  const times = [];
  for (let index = 0; index < count; index += 1) {
    const began = performance.now();
    await call(index);
    times.push(performance.now() - began);
  }
  return times;
}

/** How long ahead of the first one delayed calls are sent, in milliseconds. */
const ahead = 500;

/**
 * Makes calls that are due one after another.
 *
 * @param {number} count
 * @param {number} apart milliseconds from one to the next
 * @param {(due: number, delay: number) => PromiseLike<unknown>} call
 */
export function staggered(count, apart, call) {
  const first = Date.now() + ahead;
  return Promise.all(
    Array.from({ length: count }, (_, at) => {
      const due = first + at * apart;
      return call(due, due - Date.now());
    }),
  );
}
