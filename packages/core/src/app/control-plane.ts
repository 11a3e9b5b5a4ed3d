/** How an App reaches its workers, and hears of what they do: control, inspect, events. */
import type { Shards } from '../broker/shards.js';
import type { AppConfig } from '../config/resolve.js';
import { checkAsk } from '../control/audience.js';
import { Broadcast } from '../control/broadcast.js';
import { Control } from '../control/control.js';
import { Crew } from '../control/crew.js';
import { CustomCommands } from '../control/custom-commands.js';
import { Inspect } from '../control/inspect.js';
import { Revocations } from '../control/revocations.js';
import type { Turns } from '../control/turns.js';
import { BrokerError } from '../errors.js';
import { briefArgs } from '../events/brief.js';
import type { DtaskEvent } from '../events/event.js';
import { checkEvents, type EventsOptions } from '../events/event-filter.js';
import { EventReader } from '../events/event-reader.js';
import { EventWriter } from '../events/event-writer.js';
import type { Call, Message } from '../protocol/message.js';
import type { ResultMailbox } from '../result/mailbox.js';
import type { Takers } from '../result/situation.js';
import type { RevokeResultOptions, SoughtTask } from '../result/revocation.js';
import type { Queues } from './queues.js';

/** What it needs of its App. */
export interface ControlPlanePlace {
  readonly app: string;
  readonly config: AppConfig;
  readonly shards: Shards;
  readonly mailbox: ResultMailbox;
  readonly queues: Queues;
  readonly turns: Turns;
}

/** The control plane of an App. */
export class ControlPlane {
  readonly inspect: Inspect;
  readonly control: Control;
  readonly commands = new CustomCommands();
  /** What is called when the App is closed: workers and beats of this process stop then. */
  readonly onClose = new Set<() => void>();
  closed = false;
  readonly revocations: Revocations;
  readonly #broadcast: Broadcast;
  readonly #place: ControlPlanePlace;
  readonly #writer: EventWriter;
  readonly #crew: Crew;
  readonly #readers = new Set<EventReader>();

  constructor(place: ControlPlanePlace) {
    const { config, shards, mailbox, queues, turns } = place;
    const { sendEvents, eventsKept: kept } = config;
    const { ask, prefix } = shards.main;
    this.#place = place;
    this.#broadcast = new Broadcast({
      prefix,
      caller: mailbox.caller,
      ask,
      hear: (...heard) => mailbox.hear(...heard),
    });
    this.revocations = new Revocations({
      shards,
      queues,
      keep: config.resultExpires,
      onEnded: (task, reason) => this.tellRevoked(task, reason),
    });
    this.inspect = new Inspect(this.#broadcast);
    this.#crew = new Crew(this.inspect);
    this.control = new Control({
      broadcast: this.#broadcast,
      revocations: this.revocations,
      turns,
      ask,
      prefix,
    });
    this.#writer = new EventWriter(
      {
        prefix,
        kept,
        add: (...args) => ask('events were not written', (connection) => connection.xadd(...args)),
        isUp: () => !shards.closed,
        now: shards.main.clock.now,
      },
      sendEvents,
    );
    if (!sendEvents) return;
    for (const { broker } of shards.places) broker.onSent = (call) => this.#tellSent(call);
  }

  /** Ends tasks that wait, marks those that run and tells their workers; gives how many of both. */
  async revoke(
    tasks: readonly SoughtTask[],
    { terminate = false }: RevokeResultOptions,
  ): Promise<number> {
    const mark = terminate ? { terminate } : {};
    const { removed, marked, waiting } = await this.revocations.revoke(tasks, mark);
    if (marked.length > 0) {
      const args = { ids: [...new Set(marked.map(({ id }) => id))], terminate };
      await this.#broadcast.ask('revoke', args, checkAsk('revoke'), { lasting: true });
      await this.revocations.revokeLate(marked, mark);
    }
    return removed.length + marked.length + waiting.length;
  }

  /** Which live workers take tasks from a queue, and have one. Many who ask at a time are answered together. */
  takersOf(queue: string, task: string | undefined): Promise<Takers> {
    return this.#crew.takersOf(queue, task);
  }

  /** What happens, as it is told. */
  events(options: EventsOptions = {}): AsyncGenerator<DtaskEvent, void, undefined> {
    const filter = checkEvents(options);
    const { main } = this.#place.shards;
    const { prefix, ask, broker } = main;
    const reader = new EventReader(
      { prefix, ask, open: () => broker.open('events') },
      filter,
      options.signal,
    );
    return this.#read(reader);
  }

  async *#read(reader: EventReader): AsyncGenerator<DtaskEvent, void, undefined> {
    this.#readers.add(reader);
    try {
      yield* reader.events();
    } finally {
      this.#readers.delete(reader);
    }
  }

  #tellSent({ message, queue }: Call): void {
    const { id, name, args, root, parent, eta, expires } = message;
    this.#writer.emit('task-sent', {
      app: this.#place.app,
      id,
      name,
      queue,
      args: briefArgs(args),
      ...(root !== undefined && { root }),
      ...(parent !== undefined && { parent }),
      ...(eta !== undefined && { eta }),
      ...(expires !== undefined && { expires }),
    });
  }

  /** Tells that a task was taken out of its queue by this process, where this App tells of itself. */
  tellRevoked({ id, name }: Pick<Message, 'id' | 'name'>, reason: string): void {
    const { app } = this.#place;
    this.#writer.emit('task-revoked', {
      app,
      id,
      name,
      reason,
      expired: false,
      terminated: false,
    });
  }

  /** Ends what waits, and writes the events that are gathered. */
  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.onClose) stop();
    this.#broadcast.close(new BrokerError('the App was closed while workers were asked'));
    for (const { end } of this.#readers) end();
    await this.#writer.close();
  }
}
