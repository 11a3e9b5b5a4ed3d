/** The fields of a job's hash, as Redis gives them, as the JSON that BullMQ makes its jobs of. */
import type { JobJson } from 'bullmq';

/**
 * Reads the fields of a job as dtask sends it.
 *
 * @param fields names and values in turns; those that are JSON have been checked
 * @returns nothing for a job with anything else, which BullMQ has to read
 */
export function jobJson(fields: readonly string[], id: string): JobJson | undefined {
  const json = {
    id,
    name: '',
    data: '{}',
    opts: {},
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    timestamp: 0,
    failedReason: '',
  } as JobJson;
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1] as string;
    switch (fields[at]) {
      case 'name':
        json.name = value;
        break;
      case 'data':
        json.data = value;
        break;
      case 'opts':
        if (value === '{}') break;
        json.opts = JSON.parse(value) as JobJson['opts'];
        if (!Object.keys(json.opts).every((key) => own.has(key))) return undefined;
        break;
      case 'deid':
        json.deduplicationId = value;
        break;
      case 'timestamp':
        json.timestamp = Number(value);
        break;
      case 'processedOn':
        json.processedOn = Number(value);
        break;
      case 'delay':
        json.delay = Number(value);
        break;
      case 'priority':
        json.priority = Number(value);
        break;
      case 'ats':
        json.attemptsStarted = Number(value);
        break;
      case 'atm':
        json.attemptsMade = Number(value);
        break;
      case 'stc':
        json.stalledCounter = Number(value);
        break;
      case 'stacktrace':
        json.stacktrace = value;
        break;
      case 'failedReason':
        json.failedReason = value;
        break;
      default:
        return undefined;
    }
  }
  return json;
}

/** The options that dtask's broker sets, under BullMQ's names for them. */
const own: ReadonlySet<string> = new Set(['delay', 'priority', 'de']);
