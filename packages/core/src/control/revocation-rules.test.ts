/** Which messages fall under rules of revocation. */
import { describe, expect, it } from 'vitest';
import { parseRule, RevocationRules, type RuleSubject } from './revocation-rules.js';

const now = 1_000;
function rulesOf(...subjects: RuleSubject[]): RevocationRules {
  const rules = new RevocationRules(() => now);
  rules.set(subjects.map((subject) => ({ subject, until: now + 1 })));
  return rules;
}
const matches = (rules: RevocationRules, message: object): boolean =>
  rules.match({ id: 'x', ...message }) !== undefined;

describe('rules', () => {
  it('that are none match nothing, and say so', () => {
    const rules = rulesOf();
    expect(rules.isEmpty).toBe(true);
    expect(matches(rules, { root: 'r', headers: { a: 1 } })).toBe(false);
  });

  it('of a root match the root itself and its tree', () => {
    const rules = rulesOf({ root: 'x' });
    expect(matches(rules, {})).toBe(true);
    expect(matches(rules, { id: 'y', root: 'x' })).toBe(true);
    expect(matches(rules, { root: 'other' })).toBe(false);
  });

  it('of a group match its parts, followed by something or not, at any depth', () => {
    const rules = rulesOf({ group: 'g' });
    expect(matches(rules, { group: 'g' })).toBe(true);
    expect(matches(rules, { next: [{ steps: [] }, { join: 'g', at: 0 }] })).toBe(true);
    expect(matches(rules, { group: 'h', next: [{ join: 'i', at: 0 }] })).toBe(false);
  });

  it('of headers match a value, or one of a list, and no inherited name', () => {
    const rules = rulesOf({ header: 'tenant', value: 'a' }, { header: 'toString', value: 'a' });
    expect(matches(rules, { headers: { tenant: 'a' } })).toBe(true);
    expect(matches(rules, { headers: { tenant: ['b', 'a'] } })).toBe(true);
    expect(matches(rules, { headers: { tenant: 'b' } })).toBe(false);
    expect(matches(rules, { headers: {} })).toBe(false);
    expect(matches(rules, { headers: { tenant: { deep: 'a' } } })).toBe(false);
  });

  it('hold until their time', () => {
    const rules = new RevocationRules(() => now);
    rules.set([{ subject: { root: 'x' }, until: now }]);
    expect(matches(rules, {})).toBe(false);
    expect(rules.names()).toEqual([]);
  });

  it('that are damaged are none', () => {
    for (const text of [
      '',
      '{',
      'null',
      '5',
      '{}',
      '{"until":5}',
      '{"until":"5","subject":{"root":"x"}}',
    ])
      expect(parseRule(text)).toBeUndefined();
    expect(parseRule('{"until":5,"subject":{"root":"x"}}')).toBeDefined();
  });
});
