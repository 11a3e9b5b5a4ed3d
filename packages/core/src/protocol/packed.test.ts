/** Packs as they travel, and the ids of their calls. */
import { expect, test } from 'vitest';
import { encode } from '../codec/index.js';
import { decodeMessage, encodeMessage, type Message } from './message.js';
import { packOf } from './pack.js';
import { callsOf, commonKey, encodePacked, packMessage, packTask } from './packed.js';

const unlimited = Number.MAX_SAFE_INTEGER;

/** What a worker gets of calls that are sent together. */
function travelled(calls: readonly Message[]): Message[] {
  const texts = calls.map((call, at) =>
    encodePacked(at, JSON.stringify(encode(call.args, 'args')), call),
  );
  const pack = packMessage('pack', calls[0] as Message, texts);
  const arrived = decodeMessage('pack', packTask, JSON.parse(encodeMessage(pack, unlimited)));
  return callsOf(arrived);
}

test('calls arrive as they were sent, each with what it has for itself', () => {
  const shared = {
    name: 'task',
    reply: 'caller',
    root: 'root',
    parent: 'parent',
    ignoreResult: false,
    resultExpires: 5,
    retry: { max: 2 },
    timeLimit: 100,
    softTimeLimit: 50,
  };
  const calls: Message[] = [
    { id: 'pack~p0', args: [new Date(0), undefined, 5n], ...shared },
    { id: 'pack~p1', args: [], headers: { at: new Date(1) }, expires: 7, ...shared },
    { id: 'pack~p2', args: ['ü'], trace: { traceparent: '00-a-b-01' }, ...shared },
  ];
  expect(travelled(calls)).toEqual(calls);
});

test('calls whose options differ do not share a pack', () => {
  const base: Message = { id: 'x', name: 'task', args: [] };
  const others: Partial<Message>[] = [
    { reply: 'a' },
    { root: 'a' },
    { parent: 'a' },
    { ignoreResult: true },
    { resultExpires: 0 },
    { retry: { max: 1 } },
    { retry: { max: null } },
    { timeLimit: 1 },
    { softTimeLimit: 1 },
    { name: 'other' },
  ];
  const keys = [base, ...others.map((other) => ({ ...base, ...other }))].map(commonKey);
  expect(new Set(keys).size).toBe(keys.length);
  expect(commonKey({ ...base, headers: { a: 1 }, expires: 5, args: [1] })).toBe(commonKey(base));
});

test('a pack that is damaged is refused', () => {
  for (const args of [[], ['task'], ['', []], ['task', [5]], ['task', [{ n: -1, args: [] }]]])
    expect(() => callsOf({ id: 'pack', name: packTask, args })).toThrow(
      /the pack pack was rejected/,
    );
});

test('the id of a packed call tells its pack, and any other is its own', () => {
  expect(packOf('pack~p0')).toBe('pack');
  expect(packOf('pack~p12')).toBe('pack');
  for (const id of ['pack', 'pack~1', 'pack~p', 'pack~p1a', 'pack~m3r'])
    expect(packOf(id)).toBe(id);
});
