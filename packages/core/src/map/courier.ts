/** What takes the chunks of a map to workers, and brings back what they say. */
import type { CallSettings } from '../protocol/call-settings.js';
import type { PlacedTask } from '../result/revocation.js';
import type { OrderArgs } from './order.js';

/** One message. */
export interface Parcel {
  readonly id: string;
  readonly args: OrderArgs;
  /** Wait before it may start, in milliseconds. */
  readonly delay: number;
  /** Another process may have sent it before: its result may be pushed there. */
  readonly foreign: boolean;
}

/** A message on its way. */
export interface Delivery {
  readonly id: string;
  /** Resolves when Redis has it; rejected when it could not be sent. */
  readonly stored: Promise<unknown>;
  /** The queue that has it, once that is known. */
  readonly queue: () => string | undefined;
  /** Ends the wait for its result. */
  readonly leave: () => void;
}

/** The chunks of one map, from one caller. */
export interface Courier {
  /** Largest message, in bytes. */
  readonly maxPayload: number;
  /** Sends a message; `onEnd` hears later how its task has ended, once. */
  send(parcel: Parcel, onEnd: (end: ParcelEnd) => void): Delivery;
  /** How tasks have ended of which that is recorded. */
  ended(ids: readonly string[]): Promise<readonly ParcelEnd[]>;
  /** Ends tasks, wherever they are. */
  revoke(tasks: readonly PlacedTask[]): Promise<void>;
  /** Deletes the records of tasks that have ended. */
  forget(ids: readonly string[]): Promise<void>;
  /** How many workers live. */
  workers(): Promise<number>;
  /**
   * Takes over the notes of a map with an id: whoever had them can add nothing any more.
   *
   * @param owner who has them from now on
   * @returns what is there, or the name of another task that the map is over
   */
  takeNotes(id: string, owner: string, task: string): Promise<TakenNotes>;
  /** Adds to the notes of a map with an id; gives whether they are still the owner's. */
  addNotes(
    id: string,
    owner: string,
    notes: Readonly<Record<string, string | number>>,
  ): Promise<boolean>;
  /** Lets another task run while the one that the map is in waits. */
  wait<R>(waiting: Promise<R>): Promise<R>;
}

/** How a chunk ended: what its worker said, or why it said nothing. */
export type ParcelEnd = { readonly value: unknown } | { readonly error: unknown };

/** What makes couriers: an App. */
export interface CourierSource {
  /**
   * @param task the task of the items
   * @param resumable whether what is sent may have been sent before
   * @throws ConfigError when the task's queue is one of which every worker gets all
   */
  openCourier(task: string, call: CallSettings, resumable: boolean): Courier;
}

/** The notes of a map, by field, or why they are none. */
export type TakenNotes =
  | { readonly fields: Readonly<Record<string, string>> }
  | { readonly otherTask: string };
