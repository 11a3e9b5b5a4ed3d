/** One entry of the stream of events, version 1: several events of one worker, or one App. */
import { eventsKey } from '../protocol/keys.js';
import type { DtaskEvent } from './event.js';

/** The command that adds an entry. MAXLEN is the number of entries to keep, about. */
export const addEntry = (
  prefix: string,
  most: number,
  worker: string | undefined,
  events: readonly string[],
): [string, ...(string | number)[]] => [
  eventsKey(prefix),
  'MAXLEN',
  '~',
  most,
  '*',
  'v',
  1,
  ...(worker === undefined ? [] : ['w', worker]),
  'e',
  `[${events.join(',')}]`,
];

/**
 * Writes an event, as it stands in an entry. Field by field: every task pays for three of these, and
 * JSON.stringify of the whole takes three times as long.
 */
export function encodeEvent(type: string, at: number, fields: object): string {
  let text = `{"type":"${type}","at":${at}`;
  for (const key in fields) {
    const value = (fields as Record<string, unknown>)[key];
    if (value === undefined) continue;
    const isPlain = typeof value === 'string' && plain.test(value);
    text += isPlain ? `,"${key}":"${value}"` : `,"${key}":${JSON.stringify(value)}`;
  }
  return `${text}}`;
}

/** Texts that stand in JSON as they are. */
const plain = /^[ !#-[\]-~]*$/;

/** Reads the events of an entry. What is damaged, or of a later version, is passed over. */
export function decodeEntry(fields: readonly string[]): DtaskEvent[] {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2)
    values.set(fields[at] as string, fields[at + 1] as string);
  if (values.get('v') !== '1') return [];
  const worker = values.get('w');
  return parse(values.get('e') ?? '').flatMap((event) => decodeEvent(event, worker));
}

function parse(text: string): unknown[] {
  try {
    const events: unknown = JSON.parse(text);
    return Array.isArray(events) ? events : [];
  } catch {
    // Whatever it was, the entries behind it are good.
    return [];
  }
}

function decodeEvent(event: unknown, worker: string | undefined): DtaskEvent[] {
  if (typeof event !== 'object' || event === null) return [];
  const { type, at, ...fields } = event as Record<string, unknown>;
  if (typeof type !== 'string' || typeof at !== 'number') return [];
  const { id, name } = fields;
  if (type.startsWith('task-') && (typeof id !== 'string' || typeof name !== 'string')) return [];
  const by = worker === undefined ? {} : { worker };
  return [{ type, at: new Date(at), ...by, ...fields } as unknown as DtaskEvent];
}
