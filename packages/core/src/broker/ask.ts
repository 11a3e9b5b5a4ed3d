/** How the parts of an App reach Redis. */
import type { Redis } from 'ioredis';

/**
 * Runs commands on a connection that is up.
 *
 * @param what opens the error's message: "group x was not opened"
 * @throws BrokerError when Redis refuses them, or does not answer in time
 */
export type Ask = <R>(what: string, commands: (connection: Redis) => Promise<R>) => Promise<R>;

/** A server, and what the keys there begin with. */
export interface Place {
  readonly ask: Ask;
  readonly prefix: string;
}

/** Where that is which belongs to an id. */
export type PlaceOf = (id: string) => Place;
