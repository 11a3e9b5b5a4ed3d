/** Puts together what an App is made of. */
import { BeatEntries } from '../beat/beat-entries.js';
import { FanOut } from '../broker/fan-out.js';
import { placesOf } from '../broker/places.js';
import { Shards } from '../broker/shards.js';
import type { AppConfig } from '../config/resolve.js';
import { Turns } from '../control/turns.js';
import { BrokerError } from '../errors.js';
import type { Hooks } from '../hooks/hooks.js';
import type { Message } from '../protocol/message.js';
import type { ResultSource } from '../result/async-result.js';
import type { ResultMailbox } from '../result/mailbox.js';
import type { Sent } from '../result/sent.js';
import type { Routes } from '../routing/routes.js';
import type { CallSettings } from '../task/call.js';
import type { Definition } from '../task/definition.js';
import { tellRevoked } from '../task/performance.js';
import { inside, type Sender } from '../task/task.js';
import { Canvases } from './canvases.js';
import { ControlPlane } from './control-plane.js';
import { Couriers } from './couriers.js';
import { runCanvasEagerly } from './eager-canvas.js';
import { Failed } from './failed/failed.js';
import { findDefinition } from './find-definition.js';
import { type MapReduce, mapReduceOf } from './map-reduce.js';
import { Outbox } from './outbox.js';
import type { PeriodicTasks } from './periodic-tasks.js';
import { Queues } from './queues.js';
import type { Registry } from './registry.js';
import { resultSource } from './result-source.js';
import { Ticks } from './ticks.js';

/** What an App knows when it is made. */
export interface WiringPlace {
  readonly name: string;
  readonly config: AppConfig;
  readonly hooks: Hooks;
  readonly routes: Routes | undefined;
  readonly broadcast: readonly string[];
  readonly registry: () => Registry;
  readonly periodic: PeriodicTasks;
}

/** The parts of an App. */
export interface Wiring {
  readonly queues: Queues;
  readonly failed: Failed;
  readonly plane: ControlPlane;
  readonly results: ResultSource;
  readonly outbox: Outbox;
  readonly canvases: Canvases;
  readonly sender: Sender;
  readonly beat: BeatEntries;
  readonly ticks: Ticks;
  readonly mapReduce: MapReduce;
  /** Ends all of it, once. */
  readonly close: () => Promise<void>;
}

/** What has connections. */
interface Open {
  readonly plane: ControlPlane;
  readonly mailbox: ResultMailbox;
  readonly shards: Shards;
}

export function wire(place: WiringPlace): Wiring {
  const { name, config, hooks, routes, broadcast, registry, periodic } = place;
  const { maxPayload } = config;
  const definition = (task: string): Definition | undefined => registry().definition(task);
  const own = (known: Definition): Definition => registry().own(known);
  const { main } = placesOf(config);
  const fanOut = broadcast.length > 0 ? new FanOut(main.prefix, broadcast) : undefined;
  const mayRunTwice = (task: string): boolean => definition(task)?.execution.atMostOnce === false;
  const shards = new Shards(config, mayRunTwice, fanOut);
  const queues = new Queues(shards, config, {
    onRevoked: (message, queue, outcome) => {
      plane.tellRevoked(message, (outcome.error as Error).message);
      void tellRevoked(definition(message.name), revokedFrom(message, queue), hooks);
      return canvases.flow.ended(message, outcome);
    },
    recallTurns: (task) => turns.recall(task),
  });
  const turns: Turns = new Turns({ shards, queues });
  const failed = new Failed(shards, queues, () => canvases.flow);
  const results = resultSource(shards, config, {
    revoke: (tasks, how) => plane.revoke(tasks, how),
    takersOf: (queue, task) => plane.takersOf(queue, task),
    handles: (form) => canvases.handles(form),
  });
  const { mailbox } = results;
  const plane = new ControlPlane({ app: name, config, shards, mailbox, queues, turns });
  const known = (task: string): CallSettings => definition(task)?.calls ?? {};
  const outbox = new Outbox({ config, shards, results, hooks, fanOut, known, routes });
  const canvases = new Canvases({ config, shards, results, outbox });
  const isBroadcast = (queue: string): boolean => fanOut?.has(queue) ?? false;
  const couriers = new Couriers({ config, shards, results, outbox, isBroadcast });
  const mapReduce = mapReduceOf(couriers, own);
  const sender: Sender = {
    couriers,
    own,
    maxPayload,
    hooks,
    handles: (form) => canvases.handles(form),
    applyCanvas: (node, args, origin) =>
      runCanvasEagerly(
        node,
        args,
        {
          definition: (task, all) =>
            findDefinition(registry(), { name: task, args: all }) ??
            own(inside(registry().get(task)).definition),
          maxPayload,
          hooks,
          handles: sender.handles,
          applyCanvas: sender.applyCanvas,
        },
        origin,
      ),
    sendCanvas: (node, args, call) => canvases.send(node, args, call) as Sent<unknown>,
    send: (task, taskName, args, call) => outbox.call(task, taskName, args, call),
  };
  const deck = (): ReturnType<PeriodicTasks['deck']> => periodic.deck(registry(), config.timezone);
  const ticks = new Ticks(outbox, canvases);
  const beat = new BeatEntries({ app: name, config, shard: shards.main, deck, ticks });
  const senders = { outbox, canvases, sender, mapReduce };
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= closeAll({ plane, mailbox, shards }));
  return { queues, failed, plane, results, beat, ticks, close, ...senders };
}

async function closeAll({ plane, mailbox, shards }: Open): Promise<void> {
  await plane.close();
  await mailbox.close(new BrokerError('the App was closed while get() waited'));
  await shards.close();
}

/** A task that was taken out of its queue by this process, as hooks are told of it. */
function revokedFrom(
  { id, name, args, headers = {} }: Message,
  queue: string,
): Parameters<typeof tellRevoked>[1] {
  return { id, name, args, headers, queue, worker: '', retries: 0, reason: 'revoked' };
}
