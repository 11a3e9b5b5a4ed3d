/** What a supervisor and the worker processes that it starts say to each other. */
import type { Embedded } from '@dtask/embedded';
import type { StandbyOrders } from '@dtask/worker/standby';

/**
 * Set for a process that is to wait for its supervisor's orders, to JSON: what it has ready
 * meanwhile, or null.
 */
export const supervisedVariable = 'DTASK_SUPERVISED';
/** The number of a worker among those of its supervisor, which its log shows on a terminal. */
export const placeVariable = 'DTASK_PLACE';

/** As the variable has it. */
export type StandbyJson = StandbyOrders | null;

/** What a worker knows when its app is found, ahead of what that includes. */
export interface Facts {
  readonly app: string;
  readonly broker: string;
  /** The module of the app. */
  readonly file: string;
  readonly include: readonly string[];
}

/** What stands in a worker's banner beside what it knows itself. */
export interface BannerNotes {
  readonly title: string;
  readonly engine?: Pick<Embedded, 'engine' | 'version' | 'persistent'>;
  readonly rows: readonly (readonly [string, string])[];
}

/** How a worker begins. */
export interface Opening {
  /** Without it the worker prints none. */
  readonly banner?: BannerNotes;
}

/** From the supervisor, each once, in this order. */
export type ToWorker =
  /** Load the app. */
  | readonly ['load']
  /** Start the children of your pools. */
  | readonly ['warm']
  /** Take tasks. */
  | readonly ['go', Opening];

/** From the worker. */
export type FromWorker =
  | readonly ['found', Facts]
  /** It has done what it was told to. */
  | readonly ['loaded']
  | readonly ['warm']
  | readonly ['ready']
  /** It was told to stop, by whomever, and ends. */
  | readonly ['stopped'];
