/** The child's half of a bench process: answers what the bench asks over IPC, and ends with it. */
// @ts-check

/**
 * Answers the bench's requests with these functions.
 *
 * @param {Record<string, (...args: any[]) => unknown>} commands
 */
export function serve(commands) {
  process.on(
    'message',
    (/** @type {{ id: number, name: string, args: unknown[] }} */ { id, name, args }) => {
      answer(commands[name], args).then(
        (value) => process.send?.({ id, value }),
        (error) =>
          process.send?.({ id, error: error instanceof Error ? error.stack : String(error) }),
      );
    },
  );
  process.on('disconnect', () => process.exit());
}

/**
 * @param {((...args: any[]) => unknown) | undefined} command
 * @param {unknown[]} args
 */
async function answer(command, args) {
  if (!command) throw new Error('this process has no such command');
  return command(...args);
}

/** Where the bench's Redis is. */
export const url = process.env['BENCH_REDIS'] ?? '';
/** The first part of the keys that this process uses. */
export const prefix = process.env['BENCH_PREFIX'] ?? 'bench';
