/** The fields of a job's hash, as Redis gives them, as the JSON that BullMQ makes its jobs of. */
import type { JobJson } from 'bullmq';
import { markFields } from '@dtask/core/internal';

/** What a field's text becomes. */
type Field = readonly [keyof JobJson, 'text' | 'number' | 'options'];

const known: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['name', ['name', 'text']],
  ['data', ['data', 'text']],
  ['opts', ['opts', 'options']],
  ['deid', ['deduplicationId', 'text']],
  ['timestamp', ['timestamp', 'number']],
  ['processedOn', ['processedOn', 'number']],
  ['delay', ['delay', 'number']],
  ['priority', ['priority', 'number']],
  ['ats', ['attemptsStarted', 'number']],
  ['atm', ['attemptsMade', 'number']],
  ['stc', ['stalledCounter', 'number']],
  ['stacktrace', ['stacktrace', 'text']],
  ['failedReason', ['failedReason', 'text']],
]);

/** What dtask notes on a job, and reads elsewhere. */
const noted: ReadonlySet<string> = new Set([...Object.values(markFields), 'hist']);

/**
 * Reads the fields of a job as dtask sends it.
 *
 * @param fields names and values in turns; those that are JSON have been checked
 * @returns nothing for a job with anything else, which BullMQ has to read
 */
export function jobJson(fields: readonly string[], id: string): JobJson | undefined {
  const json: Record<string, unknown> = {
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
  };
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    const field = known.get(name);
    if (!field) {
      if (!noted.has(name)) return undefined;
    } else if (field[1] === 'text') json[field[0]] = value;
    else if (field[1] === 'number') json[field[0]] = Number(value);
    else if (value !== '{}') {
      const options = JSON.parse(value) as Record<string, unknown>;
      if (!Object.keys(options).every((key) => own.has(key))) return undefined;
      json[field[0]] = options;
    }
  }
  return json as unknown as JobJson;
}

/** The options that dtask's broker sets, under BullMQ's names for them. */
const own: ReadonlySet<string> = new Set(['delay', 'priority', 'de']);
