/** What dtask's other packages use of this one. It may change in any release. */
export { isCluster, parseAddress, type Server } from './broker/address.js';
export { redactAddress } from './broker/shown-address.js';
export {
  closeConnection,
  dropConnection,
  longestBlock,
  openConnection,
  whenReady,
  whyDown,
} from './broker/connection.js';
export { DatabaseRefusedError } from './broker/healing-redis.js';
export {
  decode,
  encode,
  encodeError,
  type HandleMaker,
  type JsonValue,
  notesOf,
} from './codec/index.js';
export { refuseUnknown, resolveSettings, type WorkerConfig } from './config/resolve.js';
export type { Setting } from './config/setting.js';
export { shownSettings, shownShards } from './config/shown.js';
export { appSettings, workerSettings } from './config/settings.js';
export { tlsTables } from './config/tls.js';
export { type AppSource, importApp, loadApp } from './app/app-source.js';
export { checkAsk, isMeant } from './control/audience.js';
export { controlCommands } from './control/control.js';
export { inspectCommands } from './control/inspect.js';
export {
  type LimitOverride,
  rateChange,
  readLimits,
  timeChange,
} from './control/limit-overrides.js';
export {
  type ControlReply,
  type ControlRequest,
  controlVersion,
  decodeRequest,
} from './control/request.js';
export { type RevocationRule, RevocationRules } from './control/revocation-rules.js';
export { readRules } from './control/revocations.js';
export { markFields, type RevocationMark } from './protocol/marks.js';
export { brief, briefArgs } from './events/brief.js';
export { eventTypes } from './events/event.js';
export { EventWriter } from './events/event-writer.js';
export { findDefinition, gatheringOf } from './app/find-definition.js';
export {
  type GatheredCall,
  type GatheredEnd,
  gatherTask,
  levelsOf,
} from './gather/gathered-call.js';
export { exportsOf } from './app/include.js';
export { formatMilliseconds, longestTimer, toMilliseconds } from './duration.js';
export { formatBytes } from './protocol/bytes.js';
export * from './protocol/keys.js';
export { shardOf } from './protocol/shard.js';
export {
  assertSize,
  decodeMessage,
  encodeMessage,
  leastTrace,
  type Message,
} from './protocol/message.js';
export { packOf } from './protocol/pack.js';
export { callsOf, packTask } from './protocol/packed.js';
export { Encoded } from './protocol/encoded.js';
export {
  encodeOutcome,
  isEncodeFailure,
  isFinal,
  type Outcome,
  parseOutcome,
} from './protocol/outcome.js';
export { decodeArgs, firstTasks } from './protocol/step.js';
export { starmapTask } from './canvas/starmap.js';
export { ItemContext } from './map/item-context.js';
export { mapTask } from './map/order.js';
export { nodeFromJson, nodeToJson } from './canvas/json.js';
export { Replace } from './canvas/steering.js';
export { type Failure, failureOf, reasonOf } from './result/failure.js';
export { ownFrames } from './result/frames.js';
export {
  batchesOf,
  type HeldLock,
  mostOutcomes,
  noLock,
  type OutcomeWrite,
  type Proof,
  storeOutcomes,
} from './result/writer.js';
export {
  ahead,
  bulk,
  findScript,
  protocolOf,
  ReadyCommand,
  type Script,
  type ScriptArgument,
} from './broker/script-call.js';
export { enterQueue } from './broker/enter-queue.js';
export { addAgain } from './broker/again.js';
export { Joins } from './canvas/joins.js';
export { findCall } from './result/packed-calls.js';
export { type JobSink, openSink } from './broker/job-sink.js';
export { argumentsOf, OwnScript } from './broker/own-script.js';
export { clockOf, type ServerClock } from './broker/server-clock.js';
export { hear, hearersCommand, onPush, push } from './broker/pushes.js';
export type { Shard, Shards } from './broker/shards.js';
export type { RunEnd, Tracing } from './trace/tracing.js';
export {
  findCurrentTask,
  findPastTask,
  isPromiseLike,
  keepContext,
  runInContext,
} from './task/context.js';
export { abortReason } from './task/abort-reason.js';
export type { Gathering } from './task/batch.js';
export { inNoContext } from './own-context.js';
export { nameOf as errorName } from './codec/error.js';
export { type Definition, define } from './task/definition.js';
export { type Dues, missed, type MisfireRule, misfireRule } from './schedule/misfire.js';
export { scheduleOf } from './schedule/schedule-of.js';
export { settle, type Surroundings } from './schedule/schedule.js';
export {
  type Firing,
  Timetable,
  type TimetableOptions,
  type TimetablePlace,
} from './schedule/timetable.js';
export { isDateLike, parseMoment } from './schedule/moment.js';
export { zoneOf } from './schedule/zone.js';
export { checkKey } from './task/key.js';
export { rateInterval, type Rate, type TaskLimits } from './task/limits.js';
export { timeLimits } from './task/call.js';
export type { Hooks } from './hooks/hooks.js';
export { conclude, endingOf, perform, tellRevoked } from './task/performance.js';
export { runTask } from './task/run.js';
export { inside } from './task/task.js';
export { judge, tellBeside, type Verdict } from './task/verdict.js';
export { infoOf } from './beat/beat-info.js';
export type { Deck, DeckEntry } from './beat/deck.js';
export { argsOf, callOf, type EntryJson, parseEntry, sameTimes } from './beat/entry-json.js';
export { type EntryState, firstState } from './beat/entry-state.js';
export { handover, type Plan, tickId } from './beat/plan.js';
export { Plans } from './beat/plans.js';
export type { BeatStore, Stored, Swap } from './beat/store.js';
export { notInChord } from './task/eager-context.js';
export { checkOwnState, type EventFields, eventFields } from './task/own-state.js';
export { hardOverrun, softOverrun } from './task/overrun.js';
