/** What a span is told of the end of a run. */
import { Retry } from '@dtask/core';
import type { RunEnd } from '@dtask/core/internal';
import type { Report } from './report.js';

/** How a run ended. */
export function endOfRun(report: Report): RunEnd {
  switch (report.kind) {
    case 'value':
      return { state: 'SUCCESS' };
    case 'fail':
      return { state: 'FAILURE', error: report.error };
    case 'retry':
      // Asked for, and not for an error.
      return report.error instanceof Retry
        ? { state: 'RETRY' }
        : { state: 'RETRY', error: report.error };
    case 'ignore':
      return { state: 'IGNORED' };
    case 'requeue':
      return { state: 'REJECTED' };
    case 'replace':
      return { state: 'REPLACED' };
    case 'revoked':
      return { state: 'REVOKED' };
    case 'crashed':
      return { state: 'FAILURE', error: report.how };
  }
}
