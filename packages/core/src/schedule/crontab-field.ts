/** The fields of Celery's crontab: what they may hold, as numbers. Pure. */
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';

/** One field: a number, a text such as `'8-17/2'` or `'mon,fri'`, or a list of these. */
export type CrontabField = number | string | readonly (number | string)[];

/** The fields of a crontab. Each is `'*'` by default. */
export interface CrontabFields {
  /** 0 to 59. */
  minute?: CrontabField;
  /** 0 to 23. */
  hour?: CrontabField;
  /** 1 to 31. */
  dayOfMonth?: CrontabField;
  /** 1 to 12, or names: `'jan'`, `'january'`. */
  monthOfYear?: CrontabField;
  /** 0 to 6 from Sunday, or names: `'mon'`, `'monday'`. */
  dayOfWeek?: CrontabField;
}

interface Range {
  readonly minimum: number;
  readonly maximum: number;
  /** Names of the values, from the first. */
  readonly names: readonly string[];
}

const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** The fields in the order of a crontab line. */
export const crontabFields: Readonly<Record<keyof CrontabFields, Range>> = {
  minute: { minimum: 0, maximum: 59, names: [] },
  hour: { minimum: 0, maximum: 23, names: [] },
  dayOfMonth: { minimum: 1, maximum: 31, names: [] },
  monthOfYear: { minimum: 1, maximum: 12, names: months },
  dayOfWeek: { minimum: 0, maximum: 6, names: weekdays },
};

/**
 * Gives a field as text.
 *
 * @throws ConfigError when it is neither a number, a text nor a list of these
 */
export function fieldText(value: unknown, field: keyof CrontabFields): string {
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (parts.every((part) => typeof part === 'number' || typeof part === 'string'))
    return parts
      .join(',')
      .replaceAll(/\s*,\s*/g, ',')
      .trim();
  throw new ConfigError(
    `crontab: ${field} must be a number, a text such as '*/15' or a list of numbers, got ${show(value)}`,
  );
}

/**
 * Gives the values that a field's text stands for, ascending.
 *
 * @throws ConfigError which says what is wrong with which part
 */
export function fieldValues(text: string, field: keyof CrontabFields): readonly number[] {
  const values = text.split(',').flatMap((part) => partValues(part, text, field));
  return [...new Set(values)].toSorted((one, other) => one - other);
}

const form = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\w*))?$/;

function partValues(part: string, text: string, field: keyof CrontabFields): readonly number[] {
  const { minimum, maximum } = crontabFields[field];
  const refuse = (why: string): never => {
    throw new ConfigError(`crontab: ${field} ${show(text)}: ${why}`);
  };
  if (part === '') return refuse('a part is empty');
  const match = form.exec(part);
  if (!match) return refuse(`${show(part)} is not a number, a range or '*'`);
  const [, star, first = '', last, step] = match;
  if (step !== undefined && !star && last === undefined)
    return refuse(`a step goes with a range or '*', such as '${first}-${maximum}/${step}'`);
  if (step !== undefined && !/^0*[1-9]\d*$/.test(step))
    return refuse(`a step must be a whole number of at least 1, got ${show(step)}`);
  const from = star ? minimum : valueOf(first, field, refuse);
  const to = star ? maximum : valueOf(last ?? first, field, refuse);
  return span(from, to, crontabFields[field]).filter((_, index) => index % Number(step ?? 1) === 0);
}

/** The values of a range; one that ends before it begins goes on through the smallest, as in Celery. */
function span(from: number, to: number, { minimum, maximum }: Range): readonly number[] {
  const size = maximum - minimum + 1;
  const length = ((to - from + size) % size) + 1;
  return Array.from({ length }, (_, index) => minimum + ((from - minimum + index) % size));
}

function valueOf(word: string, field: keyof CrontabFields, refuse: (why: string) => never): number {
  const { minimum, maximum, names } = crontabFields[field];
  const named = names.findIndex((name) => [name, name.slice(0, 3)].includes(word.toLowerCase()));
  if (named >= 0) return minimum + named;
  if (!/^\d+$/.test(word)) {
    const what =
      names.length > 0 ? `a number or a name such as '${names[1]?.slice(0, 3)}'` : 'a number';
    return refuse(`${show(word)} is not ${what}`);
  }
  const value = Number(word);
  if (minimum <= value && value <= maximum) return value;
  const sunday = field === 'dayOfWeek' && value === 7 ? '; Sunday is 0' : '';
  return refuse(`it goes from ${minimum} to ${maximum}, got ${value}${sunday}`);
}
