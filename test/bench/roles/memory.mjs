/** The memory of this process after garbage collection. It has to be started with `--expose-gc`. */
// @ts-check

/** @returns {Promise<{ rss: number, heap: number }>} in bytes */
export async function memory() {
  const { gc } = globalThis;
  if (!gc) throw new Error('memory is measured in processes that were started with --expose-gc');
  // What a finished task leaves to finalizers goes in the second collection.
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    gc();
  }
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heap: heapUsed };
}
