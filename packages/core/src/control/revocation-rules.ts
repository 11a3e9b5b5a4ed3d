/** Rules by which tasks are revoked that nobody has an id of, in memory. Pure. */
import type { Message } from '../protocol/message.js';

/** What a rule asks for: tasks of a tree, of a group, or with a value in a header. */
export type RuleSubject =
  | { readonly root: string }
  | { readonly group: string }
  | { readonly header: string; readonly value: string | number | boolean };

/** A rule, as it is kept. */
export interface RevocationRule {
  readonly subject: RuleSubject;
  /** Whether those that run are killed. */
  readonly terminate?: boolean;
  /** Until when it holds, in milliseconds by the server's clock. */
  readonly until: number;
}

/** What a rule is for, as one text: its field in Redis, and what `inspect revoked` shows. */
export function nameOfRule(subject: RuleSubject): string {
  if ('root' in subject) return `root:${subject.root}`;
  if ('group' in subject) return `group:${subject.group}`;
  return `header:${subject.header}=${JSON.stringify(subject.value)}`;
}

/** Reads what was kept under a field; gives nothing for what is damaged. */
export function parseRule(text: string): RevocationRule | undefined {
  try {
    const rule = JSON.parse(text) as RevocationRule | null;
    return typeof rule?.until === 'number' && isSubject(rule.subject) ? rule : undefined;
  } catch {
    // A rule that nobody can read holds for nothing.
    return undefined;
  }
}

/** Until when what was kept under a field holds, also where a later version has written it; 0 for what is damaged. */
export function endOfRule(text: string): number {
  try {
    const { until } = JSON.parse(text) as { until?: unknown };
    return typeof until === 'number' ? until : 0;
  } catch {
    // As above; `null` as well.
    return 0;
  }
}

function isSubject(subject: unknown): subject is RuleSubject {
  if (typeof subject !== 'object' || subject === null) return false;
  const { root, group, header, value } = subject as Record<string, unknown>;
  if (typeof root === 'string' || typeof group === 'string') return true;
  return typeof header === 'string' && ['string', 'number', 'boolean'].includes(typeof value);
}

/** The part of a message that rules look at. */
export type RuledMessage = Pick<Message, 'id' | 'root' | 'group' | 'headers' | 'next'>;

/** The rules that hold, found by what a message says of itself. */
export class RevocationRules {
  /** Whether there is none: the one question that a task costs then. */
  isEmpty = true;
  readonly #clock: () => number;
  #rules = new Map<string, RevocationRule>();
  /** The names of the headers that rules ask for. */
  #headers: readonly string[] = [];

  /** @param clock the server's time, in milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Takes the place of the rules before. */
  set(rules: Iterable<RevocationRule>): void {
    this.#rules = new Map([...rules].map((rule) => [nameOfRule(rule.subject), rule]));
    this.isEmpty = this.#rules.size === 0;
    const subjects = [...this.#rules.values()].map(({ subject }) => subject);
    this.#headers = [
      ...new Set(subjects.flatMap((subject) => ('header' in subject ? [subject.header] : []))),
    ];
  }

  /** The names of the rules that hold. */
  names(): string[] {
    return [...this.#rules].filter(([, rule]) => this.#holds(rule)).map(([name]) => name);
  }

  /** The rule that a message falls under, if there is one. */
  match(message: RuledMessage): RevocationRule | undefined {
    if (this.isEmpty) return undefined;
    for (const subject of this.#subjectsOf(message)) {
      const rule = this.#rules.get(nameOfRule(subject));
      if (rule && this.#holds(rule)) return rule;
    }
    return undefined;
  }

  *#subjectsOf({
    id,
    root = id,
    group,
    headers = {},
    next = [],
  }: RuledMessage): Generator<RuleSubject> {
    yield { root };
    if (group !== undefined) yield { group };
    // Where something follows a group, its parts have a place in it.
    for (const frame of next) if ('join' in frame) yield { group: frame.join };
    for (const header of this.#headers) {
      if (!Object.hasOwn(headers, header)) continue;
      const values: unknown = headers[header];
      for (const value of Array.isArray(values) ? (values as unknown[]) : [values])
        yield { header, value: value as string };
    }
  }

  #holds({ until }: RevocationRule): boolean {
    return until > this.#clock();
  }
}
