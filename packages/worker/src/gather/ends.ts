/** What became of each call of a gathering, from what became of its run. */
import { ConfigError, RegistryError, WorkerLostError } from '@dtask/core';
import { decode, decodeArgs, Encoded, type GatheredEnd } from '@dtask/core/internal';
import { judgeThrown } from '../perform.js';
import type { Report } from '../report.js';
import type { Member } from './member.js';

/**
 * Gives a report for each member.
 *
 * @param decodes whether somebody here wants the values
 */
export function endsOf(report: Report, members: readonly Member[], decodes: boolean): Report[] {
  switch (report.kind) {
    case 'value': {
      const ends = report.value instanceof Encoded ? (JSON.parse(report.value.text) as unknown) : 0;
      if (isEnds(ends, members.length)) return ends.map((end) => endOf(end, decodes));
      const error = new ConfigError(
        'a middleware gave another value for a run of many calls, whose values only their task can give',
      );
      return members.map(() => ({ kind: 'fail', error }));
    }
    // Its time was over, or it could not be begun: each call has retries of its own.
    case 'fail':
    case 'retry':
      // They may run only once, and may have begun.
      if (report.error instanceof WorkerLostError) return members.map(() => report);
      return members.map((member) => {
        const { definition, message, retries } = member;
        return judgeThrown(report.error, definition, message, retries);
      });
    case 'replace': {
      const error = new RegistryError('a task that gets many calls cannot be replaced by a canvas');
      return members.map(() => ({ kind: 'fail', error }));
    }
    default:
      return members.map(() => report);
  }
}

const isEnds = (value: unknown, count: number): value is GatheredEnd[] =>
  Array.isArray(value) &&
  value.length === count &&
  value.every((end) => typeof end === 'object' && end !== null);

function endOf(end: GatheredEnd, decodes: boolean): Report {
  if ('left' in end) return { kind: end.left };
  if (!('error' in end)) {
    const { value } = end;
    if (value === undefined) return { kind: 'value', value };
    const text = new Encoded(JSON.stringify(value));
    return { kind: 'value', value: decodes ? text.decoded() : text };
  }
  const error = decode(end.error as never, 'error');
  if (!('wait' in end)) return { kind: 'fail', error };
  const { wait, due, args } = end;
  return {
    kind: 'retry',
    wait,
    error,
    ...(due !== undefined && { due }),
    ...(args !== undefined && { args: decodeArgs(args as never) }),
  };
}
