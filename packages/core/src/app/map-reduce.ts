/** A map whose values become one: on the workers chunk by chunk, and here chunk after chunk. */
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { CourierSource } from '../map/courier.js';
import { checkMapOptions, type MapOptions } from '../map/options.js';
import { type AnyItem, checkSource, type FitItems, type MapSource } from '../map/source.js';
import { MapStream } from '../map/stream.js';
import { atCaller } from '../result/at-caller.js';
import type { Definition } from '../task/definition.js';
import type { TaskArguments, TaskFunction, TaskValue } from '../task/function-types.js';
import { callFunction } from '../task/run.js';
import { inside, isTask, nameOf } from '../task/task.js';

/** What a map that is reduced takes, beside the options of a map. */
export interface MapReduceOptions<F extends TaskFunction> extends Omit<
  MapOptions,
  'onItemError' | 'from'
> {
  /** The task that is run on each item. */
  map: F;
  /**
   * Makes one value of two. It must not matter which are put together first: `(a, b), c` as well as
   * `a, (b, c)`; with `ordered: false` nor in which order. A task is run on the workers, which then
   * send one value for each chunk, and here for those; another function is run here alone.
   */
  reduce: (
    total: TaskValue<NoInfer<F>>,
    value: TaskValue<NoInfer<F>>,
  ) => TaskValue<NoInfer<F>> | PromiseLike<TaskValue<NoInfer<F>>>;
  /** What to begin with, and what nothing gives. */
  initial?: TaskValue<NoInfer<F>>;
  /** What becomes of an item that fails for good: the whole fails, or it is sent again. @default 'throw' */
  onItemError?: 'throw' | 'retry';
}

/** The type of `app.mapReduce`. */
export interface MapReduce {
  /**
   * Runs a task on each item and makes one value of all.
   *
   * @returns the value; of no items `initial`, or `undefined` without one
   * @throws (rejects) ConfigError for wrong options, MapItemError when an item failed, what the
   * source and `reduce` throw
   * @example
   * ```ts
   * const words = await app.mapReduce(lines(file), { map: countWords, reduce: merge, initial: {} });
   * ```
   */
  <F extends TaskFunction, I extends TaskArguments<F>[0] | AnyItem>(
    items: MapSource<I> & FitItems<I, TaskArguments<F>>,
    options: MapReduceOptions<F> & { initial: TaskValue<NoInfer<F>> },
  ): Promise<TaskValue<F>>;
  <F extends TaskFunction, I extends TaskArguments<F>[0] | AnyItem>(
    items: MapSource<I> & FitItems<I, TaskArguments<F>>,
    options: MapReduceOptions<F>,
  ): Promise<TaskValue<F> | undefined>;
}

type Reducer = (total: unknown, value: unknown) => unknown;

/** Gives a definition as the App runs it. */
type Own = (definition: Definition) => Definition;

/** Makes the `mapReduce` of an App. */
export function mapReduceOf(couriers: CourierSource, own: Own): MapReduce {
  const mapReduce = async (
    source: MapSource<unknown>,
    options: MapReduceOptions<TaskFunction>,
  ): Promise<unknown> => {
    try {
      return await reduced({ couriers, own }, source, options);
    } catch (error) {
      throw atCaller(error, { mapReduce }, 'mapReduce');
    }
  };
  return mapReduce as MapReduce;
}

async function reduced(
  { couriers, own }: { readonly couriers: CourierSource; readonly own: Own },
  source: MapSource<unknown>,
  { map, reduce, initial, ...options }: MapReduceOptions<TaskFunction>,
): Promise<unknown> {
  checkSource(source, 'mapReduce()');
  const fold = reducerOf(reduce, own);
  if ((options.onItemError as string) === 'collect')
    throw new ConfigError(
      "mapReduce() takes onItemError 'throw' or 'retry': a failure has no value to reduce",
    );
  const stream = new MapStream<unknown>({
    couriers,
    task: nameOf(inside(map).definition),
    source,
    spread: false,
    reduce: isTask(reduce) ? nameOf(inside(reduce).definition) : undefined,
    settings: checkMapOptions(options, 'mapReduce()'),
  });
  let total: { readonly value: unknown } | undefined =
    initial === undefined ? undefined : { value: initial };
  for await (const value of stream)
    total = { value: total ? await fold(total.value, value) : value };
  return total?.value;
}

/** What reduces here. */
function reducerOf(reduce: unknown, own: Own): Reducer {
  if (typeof reduce !== 'function')
    throw new ConfigError(
      `mapReduce() takes a task or a function that makes one value of two as reduce, got ${show(reduce)}`,
    );
  if (!isTask(reduce)) return reduce as Reducer;
  const definition = own(inside(reduce).definition);
  return (total, value) => callFunction(definition, undefined, [total, value]);
}
