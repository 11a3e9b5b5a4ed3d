/** How the processes of `dtask worker` end. */

export const exitCodes = {
  /** It was told to stop, and did so in order. */
  stopped: 0,
  /** It could not start, could not go on, or was told to stop at once. */
  failed: 1,
  /** It was told to restart: whoever started it is to do that again. sysexits.h: "try again". */
  restart: 75,
} as const;

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Says it in words. */
export function describeEnding({ code, signal }: Ending): string {
  return signal ? `killed by ${signal}` : `exit code ${code ?? 0}`;
}
