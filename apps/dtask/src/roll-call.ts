/** Who of the workers that a command asks has not answered. */
import type { Answers, App, AskOptions } from '@dtask/core';
import { checkAsk, formatMilliseconds, isMeant } from '@dtask/core/internal';
import { type AskFlags, askOf, nobody, sayNobody } from './ask-options.js';

/** Those that should have answered. */
export interface Missing {
  /** They live: each is too busy, cut off, or was killed a moment ago. */
  readonly silent: readonly string[];
  /** They were named, and none of them lives. */
  readonly absent: readonly string[];
  /** How long answers were waited for, in milliseconds. */
  readonly wait: number;
}

/**
 * Asks workers, and gives who is missing as well. Who lives is known by their claims.
 *
 * @param ask has the command asked
 * @param heard the answers by the worker's name in what `ask` gives
 */
export async function callRoll<A>(
  { inspect }: App,
  flags: AskFlags,
  ask: (options: AskOptions) => Promise<A>,
  heard: (answer: A) => Answers<unknown>,
): Promise<[answer: A, missing: Missing]> {
  const options = askOf(flags);
  const { audience, wait } = checkAsk('dtask', options);
  const [before, answer] = await Promise.all([inspect.live(), ask(options)]);
  const answers = heard(answer);
  const isMissing = (name: string): boolean =>
    isMeant(audience, name) && !Object.hasOwn(answers, name);
  const named = [...new Set(audience.destination)].filter(isMissing);
  const unheard = before.filter(isMissing);
  // One that has come or gone meanwhile was not asked, or need not answer any more.
  const after = unheard.length > 0 ? await inspect.live() : [];
  const silent = unheard.filter((name) => after.includes(name));
  const absent = named.filter((name) => !silent.includes(name));
  return [answer, { silent, absent, wait }];
}

/** Says who has not answered; where somebody has not, the command ends with the exit code for that. */
export function sayMissing(
  flags: AskFlags,
  { silent, absent, wait }: Missing,
  answers: number,
): void {
  if (silent.length > 0) {
    const [live, them] = silent.length === 1 ? ['lives', 'it'] : ['live', 'them'];
    console.error(
      `dtask: ${silent.join(', ')} ${live}, but did not answer within ${formatMilliseconds(wait)}; -t gives ${them} longer`,
    );
    process.exitCode = nobody;
  }
  if (absent.length > 0) sayNobody({ destination: absent.join(', ') });
  else if (silent.length + answers === 0) sayNobody(flags);
}
