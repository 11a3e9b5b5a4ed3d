/** Runs a task where it is called, by the path that a worker takes. */
import { randomUUID } from 'node:crypto';
import { decodeMessage, encodeMessage, type Message } from '../protocol/message.js';
import { encodeOutcome, type Outcome, parseOutcome } from '../protocol/outcome.js';
import { EagerResult } from '../result/eager-result.js';
import { type CallSettings, freezeCall } from './call.js';
import { findCurrentTask, type TaskContext } from './context.js';
import type { Definition } from './definition.js';
import { runTask } from './run.js';
import { RegistryError } from '../errors.js';
import { Retry } from '../steering.js';
import { judge } from './verdict.js';

const unlimited = Number.MAX_SAFE_INTEGER;

/** Starts a run and gives its result, which settles when the run ends. */
export function runEagerly(
  name: string,
  definition: Definition,
  args: readonly unknown[],
  settings: CallSettings,
  maxPayload = unlimited,
): EagerResult<never> {
  const parent = findCurrentTask();
  const { message } = freezeCall(name, args, definition.calls, settings, {
    now: Date.now(),
    newId: randomUUID,
    reply: '',
    defaultQueue: '',
    root: parent?.rootId,
    parent: parent?.id,
  });
  return new EagerResult(message.id, run(definition, message, maxPayload));
}

async function run(definition: Definition, message: Message, maxPayload: number): Promise<Outcome> {
  const { id, name } = message;
  let outcome: Outcome;
  try {
    // Through the codec and back, so that what would fail on its way to a worker fails here too.
    const arrived = decodeMessage(id, name, JSON.parse(encodeMessage(message, maxPayload)));
    outcome = await attempts(definition, arrived);
    return parseOutcome(encodeOutcome(outcome, maxPayload));
  } catch (error) {
    outcome = { id, task: name, state: 'FAILURE', error, at: Date.now() };
    return parseOutcome(encodeOutcome(outcome, unlimited));
  }
}

async function attempts(definition: Definition, message: Message): Promise<Outcome> {
  const { id, name } = message;
  let args = message.args;
  for (let retries = 0; ; retries += 1) {
    try {
      const value = await runTask(definition, eagerContext({ ...message, args }, retries));
      return { id, task: name, state: 'SUCCESS', value, retries, at: Date.now() };
    } catch (thrown) {
      const now = Date.now();
      const verdict = judge(thrown, {
        id,
        name,
        retries,
        policy: definition.retry,
        override: message.retry,
        now,
      });
      if (verdict.kind === 'ignore') return { id, task: name, state: 'IGNORED', at: now };
      // Without a queue a message cannot go back to it: the next attempt stands for that.
      if (verdict.kind === 'fail')
        return { id, task: name, state: 'FAILURE', error: verdict.error, retries, at: now };
      if (verdict.kind === 'retry') args = verdict.args ?? args;
    }
  }
}

function refuse(what: string): never {
  throw new RegistryError(`${what} needs a worker; this task runs by apply()`);
}

function eagerContext(message: Message, retries: number): TaskContext {
  const { id, name } = message;
  const log =
    (level: 'debug' | 'info' | 'warn' | 'error') => (details: object | string, text?: string) =>
      console[level](`${name}[${id}]`, ...(text === undefined ? [details] : [text, details]));
  return {
    id,
    name,
    args: message.args,
    retries,
    queue: '',
    worker: '',
    headers: message.headers ?? {},
    rootId: message.root ?? id,
    parentId: message.parent,
    expires: message.expires === undefined ? undefined : new Date(message.expires),
    deadline: undefined,
    isEager: true,
    signal: new AbortController().signal,
    logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    updateState: () => Promise.resolve(),
    progress: () => Promise.resolve(),
    retry: (request) => {
      throw new Retry(request);
    },
    replace: () => refuse('replace()'),
    addToChord: () => refuse('addToChord()'),
  };
}
