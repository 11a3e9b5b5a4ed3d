/** Runs a task once for all the calls of a gathering, and tells what became of each. */
import { encode, encodeError } from '../codec/index.js';
import { RegistryError } from '../errors.js';
import { Encoded } from '../protocol/encoded.js';
import { ItemContext } from '../map/item-context.js';
import { abortReason } from '../task/abort-reason.js';
import { type BatchCall, checkEnds } from '../task/batch-call.js';
import type { TaskContext, TaskLogger } from '../task/context.js';
import type { Definition } from '../task/definition.js';
import { enterTask, parseArguments } from '../task/run.js';
import { parseBySchema } from '../task/schema.js';
import { Ignore } from '../steering.js';
import { judge, tellBeside } from '../task/verdict.js';
import type { GatheredCall, GatheredEnd } from './gathered-call.js';

/** A call, and what became of it, once that is known. */
interface Place {
  readonly call: GatheredCall;
  readonly args: readonly unknown[];
  end: GatheredEnd | undefined;
}

/**
 * Runs a gathering; gives a `GatheredEnd` for each call, as text. A call whose arguments its schema
 * refuses fails before the task is called, which then gets the others.
 */
export async function runGathering(
  definition: Definition,
  name: string,
  calls: readonly GatheredCall[],
  context: TaskContext,
): Promise<Encoded> {
  const end = (call: GatheredCall, thrown: unknown): GatheredEnd => {
    const reason = abortReason(thrown, signalOf(call, context));
    return judged(definition, name, call, reason, context.logger);
  };
  const places = await Promise.all(
    calls.map(async (call): Promise<Place> => {
      try {
        return { call, args: await parseArguments(definition, name, call.args), end: undefined };
      } catch (error) {
        return { call, args: [], end: end(call, error) };
      }
    }),
  );
  const open = places.filter((place) => !place.end);
  try {
    const values = await perform(definition, name, open, context);
    await Promise.all(
      open.map(async (place, at) => {
        place.end = await endOf(definition, name, place.call, values[at], end);
      }),
    );
  } catch (error) {
    for (const place of open) place.end = end(place.call, error);
  }
  return new Encoded(JSON.stringify(places.map((place) => place.end)));
}

/** What `currentTask()` is while calls run together: that of the first, as far as it is one's alone. */
class GatherContext extends ItemContext {
  override updateState(): Promise<void> {
    throw new RegistryError(
      `task ${this.name} runs for many calls at a time here, which have no state in common`,
    );
  }

  override progress(): Promise<void> {
    return this.updateState();
  }
}

const signalOf = ({ id }: GatheredCall, context: TaskContext): AbortSignal =>
  context.signalOf?.(id) ?? context.signal;

async function perform(
  definition: Definition,
  name: string,
  open: readonly Place[],
  context: TaskContext,
): Promise<readonly unknown[]> {
  if (open.length === 0) return [];
  const batch = open.map(({ call, args }): BatchCall => {
    const { id, headers, retries } = call;
    return { id, args, headers, retries, signal: signalOf(call, context) };
  });
  const within = new GatherContext(context, name);
  within.args = [batch];
  return checkEnds(name, await enterTask(definition, within, within.args), batch.length);
}

async function endOf(
  definition: Definition,
  name: string,
  call: GatheredCall,
  given: unknown,
  end: (call: GatheredCall, thrown: unknown) => GatheredEnd,
): Promise<GatheredEnd> {
  // The convention of GraphQL's DataLoader: an error in its place is the failure of that call.
  if (given instanceof Error || given instanceof Ignore) return end(call, given);
  try {
    const { returns } = definition;
    const value =
      returns === undefined
        ? given
        : await parseBySchema(returns, given, 'result', `task ${name}: result`);
    return value === undefined ? {} : { value: encode(value, 'result') };
  } catch (error) {
    return end(call, error);
  }
}

function judged(
  definition: Definition,
  name: string,
  { id, retries, retry: override }: GatheredCall,
  thrown: unknown,
  logger: TaskLogger,
): GatheredEnd {
  const { retry: policy } = definition;
  try {
    const verdict = judge(thrown, { id, name, retries, policy, override, now: Date.now() });
    tellBeside(verdict, { id, name }, logger);
    if (verdict.kind === 'ignore' || verdict.kind === 'requeue') return { left: verdict.kind };
    const error = encodeError(verdict.error);
    if (verdict.kind === 'fail') return { error };
    const { wait, due, args } = verdict;
    const on = due !== undefined && { due };
    return { error, wait, ...on, ...(args !== undefined && { args: encode(args, 'args') }) };
  } catch (error) {
    // Arguments of a retry that cannot travel.
    return { error: encodeError(error) };
  }
}
