/** What application code imports. */
export type { TlsOptions } from './config/tls.js';
export type {} from './callable.js';

export { App } from './app/app.js';
export type { AppOptions } from './app/options.js';
export { task } from './app/declare.js';
export { BeatEntries } from './beat/beat-entries.js';
export type { BeatInfo } from './beat/beat-info.js';
export type { AnyBeatEntry, BeatChange, BeatEntry, CheckedEntry } from './beat/entry.js';
export type { EntryJson } from './beat/entry-json.js';
export { type AnyCanvas, Canvas, Chain, Chord, Group, Signature } from './canvas/canvas.js';
export { chain, chord, group, signature } from './canvas/compose.js';
export type { FailedCall, InputOf, OutputOf } from './canvas/fit.js';
export { chunks, map, starmap } from './canvas/items.js';
export { Mapping } from './map/mapping.js';
export type { ItemResult, MapOptions, MapProgress } from './map/options.js';
export type { MapSource } from './map/source.js';
export type { CanvasGraph } from './canvas/graph.js';
export type { CanvasJson } from './canvas/json.js';
export type { CanvasLike } from './canvas/tree.js';
export { Failed, type RetryCount } from './app/failed/failed.js';
export type { FailedFilter } from './app/failed/failed-filter.js';
export type { EarlierFailure } from './app/failed/failed-history.js';
export type { FailedTask } from './app/failed/failed-task.js';
export type { MapReduce, MapReduceOptions } from './app/map-reduce.js';
export { type QueueCounts, Queues } from './app/queues.js';
export { type Registrable, Registry } from './app/registry.js';
export type { RemoteTask, RemoteTasks } from './app/remote-tasks.js';
export type { PoolKind } from './config/pool-kind.js';
export type { AppConfig } from './config/resolve.js';
export type * from './control/answers.js';
export type { AskOptions } from './control/audience.js';
export {
  Control,
  type Revocation,
  type RevokeByOptions,
  type RevokeOptions,
} from './control/control.js';
export type { ControlCommand, ControlledWorker } from './control/custom-commands.js';
export { Inspect } from './control/inspect.js';
export type { TimeLimits } from './control/limit-overrides.js';
export type { Duration } from './duration.js';
export * from './errors.js';
export type {
  BeatSummary,
  HookEvents,
  HookHandler,
  HookName,
  Publication,
  RejectedTask,
  RevokedTask,
  TaskEnding,
  TaskMessage,
  WorkerProcess,
  WorkerSummary,
} from './hooks/events.js';
export type { Middleware } from './hooks/middleware.js';
export type * from './events/event.js';
export type { EventsOptions } from './events/event-filter.js';
export type { TaskState } from './protocol/outcome.js';
export type { AnyResult } from './result/any-result.js';
export { AsyncResult } from './result/async-result.js';
export type { GetOptions } from './result/get-options.js';
export type { Failure } from './result/failure.js';
export type { RevokeResultOptions } from './result/revocation.js';
export { GroupResult } from './result/group-result.js';
export { EagerResult } from './result/eager-result.js';
export { Sent } from './result/sent.js';
export type {
  Route,
  RouteMap,
  RouteOptions,
  Router,
  RouteRule,
  RouteTable,
} from './routing/route.js';
export { cron } from './schedule/cron.js';
export { crontab } from './schedule/crontab.js';
export type { CrontabField, CrontabFields } from './schedule/crontab-field.js';
export { type CustomScheduleOptions, schedule } from './schedule/custom.js';
export { every, type EveryOptions } from './schedule/every.js';
export { scheduleFromJson } from './schedule/from-json.js';
export type { MisfireOptions } from './schedule/misfire.js';
export { once } from './schedule/once.js';
export type { Overlap, PeriodicOptions } from './schedule/periodic.js';
export type { Schedule, ScheduleJson, ZoneOptions } from './schedule/schedule.js';
export type { WhenOptions } from './schedule/schedule-of.js';
export { solar, type SolarPlace } from './schedule/solar.js';
export type { SolarEvent } from './schedule/solar-event.js';
export * from './steering.js';
export { currentTask, type TaskContext, type TaskLogger } from './task/context.js';
export type {
  DeclarationOptions,
  Declared,
  DeclareTask,
  TaskDecorator,
} from './task/declaration.js';
export type { TaskFunction } from './task/function-types.js';
export type { BatchOptions, GatherOptions, PackOptions } from './task/batch.js';
export type { BatchCall } from './task/batch-call.js';
export type {
  ArgumentSchemas,
  CallOptions,
  RateLimit,
  TaskOptions,
  UniqueOptions,
} from './task/options.js';
export type { ErrorFilter, RetryOptions } from './task/retry-policy.js';
export type { StandardSchema } from './task/schema.js';
export type { TaskHooks } from './task/task-hooks.js';
export { isTask, type Task, type TaskMethods, type TaskOf, taskOf } from './task/task.js';
