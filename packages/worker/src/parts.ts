/** What a worker is made of while it runs. It comes piece by piece with a start, and goes with a stop. */
import type { Autoscaler } from './autoscaler.js';
import type { Branches } from './branches.js';
import type { Broadcasts } from './broadcasts.js';
import type { ControlDesk } from './control/control-desk.js';
import type { Limits } from './limits/limits.js';
import type { Links } from './links.js';
import type { LockKeeper } from './lock-keeper.js';
import type { Pools } from './pools.js';
import type { Presence } from './presence.js';

/** Absent is what was not made yet. */
export interface Parts {
  links?: Links;
  keeper?: LockKeeper;
  desk?: ControlDesk;
  presence?: Presence;
  pools?: Pools;
  limits?: Limits;
  broadcasts?: Broadcasts;
  branches?: Branches;
  autoscaler?: Autoscaler;
}
