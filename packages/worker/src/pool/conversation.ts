/** What a worker and its children say to each other: JSON, the kind first; some with a text beside it. */
import type { CanvasJson } from '@dtask/core';
import type { AppSource, JsonValue } from '@dtask/core/internal';

/** What a child is told when it starts. */
export interface ChildSetup {
  readonly source: AppSource;
  /** The worker's name. */
  readonly worker: string;
  readonly kind: 'threads' | 'processes';
  readonly logLevel: string;
  /** The folder for its CPU profile; '' takes none. */
  readonly profile: string;
  /** Whether to say how much memory it has, with each end. */
  readonly weigh: boolean;
}

/** One task, as a child gets it. */
export interface Assignment {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly retries: number;
  readonly limit: number;
  /** When its signal fires, in milliseconds from its start, where it does. */
  readonly soft?: number;
}

/** Why a signal fires. */
export interface AbortReason {
  readonly name: string;
  readonly message: string;
  /** Of many calls that run together: only this one's. */
  readonly call?: string;
}

/** From the worker to a child. */
export type ToChild =
  /** Imports a module that the app will want, and waits. */
  | readonly ['preload', string]
  | readonly ['setup', ChildSetup]
  /** Runs a task: its number; its message goes beside it, as the JSON text of an envelope. */
  | readonly ['run', number, Assignment]
  | readonly ['abort', number, AbortReason]
  /** A task has been ended, and others in the child go on: what its code still does counts no more. */
  | readonly ['cut', number]
  /** A state was stored. */
  | readonly ['stored', number]
  /** The end of a task is stored: the hooks are told. */
  | readonly ['tell', number]
  /** The end of a task counts not, as it was revoked: the hooks hear nothing of it. */
  | readonly ['forget', number]
  | readonly ['stop'];

/** How a run ended in a child. Errors are encoded. */
export type ChildReport =
  /** Its value goes beside it, as JSON text, if it has one. */
  | readonly ['value']
  | readonly ['fail', JsonValue]
  | readonly ['retry', number, JsonValue, JsonValue?, number?]
  | readonly ['ignore']
  | readonly ['requeue']
  | readonly ['replace', CanvasJson];

/** What goes with the end of a task. */
export interface EndDetails {
  /** The tasks that it called. */
  readonly children?: readonly string[];
  /** The child's memory, in bytes. */
  readonly memory?: number;
  /** Its hooks want to be told: the child has no room until they are. */
  readonly listens?: boolean;
}

/** From a child to the worker. */
export type FromChild =
  /** The app is loaded. */
  | readonly ['ready']
  /** It could not be loaded. */
  | readonly ['broken', JsonValue]
  /** A task ended: its number, how, and what else there is to say. */
  | readonly ['end', number, ChildReport, EndDetails?]
  /** It heard that a task has been ended: no code holds up its loop. */
  | readonly ['left', number]
  /** The hooks have been told how a task ended. */
  | readonly ['told', number]
  /** A task is in a state of its own: its number, the number of this message, the outcome's text. */
  | readonly ['state', number, number, string]
  /** A task tells an event of its own. */
  | readonly ['event', number, string, Readonly<Record<string, unknown>>]
  /** A task waits for a result: another may run meanwhile. */
  | readonly ['lend', number]
  | readonly ['back', number];
