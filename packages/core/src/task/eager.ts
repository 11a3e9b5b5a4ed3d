/** Runs a task where it is called, by the path that a worker takes. */
import { randomUUID } from 'node:crypto';
import { decodeMessage, encodeMessage, type Message } from '../protocol/message.js';
import { encodeOutcome, type Outcome, parseOutcome } from '../protocol/outcome.js';
import type { TaskEnding } from '../hooks/events.js';
import { Hooks } from '../hooks/hooks.js';
import { EagerResult } from '../result/eager-result.js';
import { type CallSettings, freezeCall } from './call.js';
import { findCurrentTask, type TaskContext } from './context.js';
import type { Definition } from './definition.js';
import { conclude, endingOf, perform } from './performance.js';
import { RegistryError } from '../errors.js';
import { Retry } from '../steering.js';
import { judge, tellBeside } from './verdict.js';

const unlimited = Number.MAX_SAFE_INTEGER;

/** What a run needs of the App that the task belongs to. */
export interface EagerPlace {
  readonly maxPayload: number;
  readonly hooks: Hooks;
}

const nowhere: EagerPlace = { maxPayload: unlimited, hooks: new Hooks() };

/** Starts a run and gives its result, which settles when the run ends. */
export function runEagerly(
  name: string,
  definition: Definition,
  args: readonly unknown[],
  settings: CallSettings,
  place: EagerPlace = nowhere,
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
  return new EagerResult(message.id, run(definition, message, place));
}

/** The last attempt of a run. */
interface Ended {
  readonly outcome: Outcome;
  readonly context: TaskContext;
  readonly ending: TaskEnding;
}

async function run(
  definition: Definition,
  message: Message,
  { maxPayload, hooks }: EagerPlace,
): Promise<Outcome> {
  const { id, name } = message;
  let ended: Ended | undefined;
  let outcome: Outcome;
  try {
    // Through the codec and back, so that what would fail on its way to a worker fails here too.
    const arrived = decodeMessage(id, name, JSON.parse(encodeMessage(message, maxPayload)));
    ended = await attempts(definition, arrived, hooks);
    outcome = parseOutcome(encodeOutcome(ended.outcome, maxPayload));
  } catch (error) {
    ended = ended && { ...ended, ending: { state: 'FAILURE', error } };
    outcome = { id, task: name, state: 'FAILURE', error, at: Date.now() };
    outcome = parseOutcome(encodeOutcome(outcome, unlimited));
  }
  if (ended) await conclude(definition, ended.context, ended.ending, hooks);
  return outcome;
}

async function attempts(definition: Definition, message: Message, hooks: Hooks): Promise<Ended> {
  const { id, name } = message;
  let args = message.args;
  for (let retries = 0; ; retries += 1) {
    const context = eagerContext({ ...message, args }, retries);
    try {
      const value = await perform(definition, context, hooks);
      const outcome = { id, task: name, state: 'SUCCESS', value, retries, at: Date.now() };
      return { outcome, context, ending: { state: 'SUCCESS', value } };
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
      tellBeside(verdict, { id, name }, context.logger);
      const ending = endingOf(verdict, thrown);
      if (verdict.kind === 'ignore')
        return { outcome: { id, task: name, state: 'IGNORED', at: now }, context, ending };
      if (verdict.kind === 'fail') {
        const { error } = verdict;
        return {
          outcome: { id, task: name, state: 'FAILURE', error, retries, at: now },
          context,
          ending,
        };
      }
      // Without a queue a message cannot go back to it: the next attempt stands for that.
      await conclude(definition, context, ending, hooks);
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
    group: undefined,
    timeLimit: undefined,
    softTimeLimit: undefined,
    deadline: undefined,
    isEager: true,
    signal: new AbortController().signal,
    logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    updateState: () => Promise.resolve(),
    progress: () => Promise.resolve(),
    sendEvent: () => undefined,
    retry: (request) => {
      throw new Retry(request);
    },
    replace: () => refuse('replace()'),
    addToChord: () => refuse('addToChord()'),
  };
}
