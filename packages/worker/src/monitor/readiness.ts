/** Whether a worker takes tasks. */
import type { Redis } from 'ioredis';
import type { Link, Links } from '../links.js';
import type { Pools } from '../pools.js';
import type { Presence } from '../presence.js';

/** What there is of a worker. */
export interface WorkerParts {
  readonly links: Links | undefined;
  readonly presence: Presence | undefined;
  readonly pools: Pools | undefined;
  /** Whether it was told to stop. */
  readonly stopping: boolean;
  /** How many tasks cannot end or go on, as Redis refuses that. */
  readonly refused: number;
}

/** Longest that Redis may take to answer, in milliseconds: probes have a second by default. */
const patience = 500;

/** Looks whether a worker takes tasks. */
export class Readiness {
  /** Whether the worker has begun to take tasks. */
  started = false;
  readonly #parts: () => WorkerParts;
  #asking: Promise<boolean> | undefined;

  constructor(parts: () => WorkerParts) {
    this.#parts = parts;
  }

  /** As far as it can be told without asking: what keeps the worker from taking tasks. */
  obstacle(): string | undefined {
    const { links, presence, pools, stopping } = this.#parts();
    if (stopping) return 'the worker stops';
    if (links && !isUp(links.main)) return 'there is no connection to Redis';
    if (links && !links.served.some(isUp)) return 'there is no connection to any of its shards';
    if (!this.started) return 'the worker starts';
    if (!presence?.held)
      return 'another worker has the name, or workers have another number of shards';
    if (!pools?.ready) return 'no child has loaded the app yet';
    return undefined;
  }

  /** What keeps the worker from taking tasks, if anything does. Asks Redis, once for all who ask. */
  async look(): Promise<string | undefined> {
    const obstacle = this.obstacle();
    if (obstacle !== undefined) return obstacle;
    const { links } = this.#parts();
    if (!links) return 'there is no connection to Redis';
    this.#asking ??= answersFor(links).finally(() => {
      this.#asking = undefined;
    });
    // A connection to a server that hangs, or beyond a network that is gone, looks as if it were up.
    return (await this.#asking) ? this.obstacle() : 'Redis does not answer';
  }
}

const isUp = ({ connection }: Link): boolean => connection.status === 'ready';

/** Whether the main server answers, and one at least of those that have tasks: it has work to do. */
async function answersFor({ main, served }: Links): Promise<boolean> {
  const shards = served.filter((link) => link !== main && isUp(link));
  if (!(await answers(main.connection))) return false;
  if (served.includes(main)) return true;
  return (await Promise.all(shards.map(({ connection }) => answers(connection)))).includes(true);
}

async function answers(connection: Redis): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), patience);
  });
  const answer = connection.ping().then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
