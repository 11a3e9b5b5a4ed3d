/** Where the parts of an App are: on which servers or in which slots, and what the keys there begin with. Pure. */
import type { AppConfig } from '../config/resolve.js';
import { ConfigError } from '../errors.js';
import { shardTags } from '../protocol/slot.js';
import { isCluster, parseAddress, placeInCluster } from './address.js';
import { redactAddress } from './shown-address.js';

/** A server, or a part of one, or a slot of a cluster. */
export interface PlaceAddress {
  /** As a connection is opened to it. */
  readonly broker: string;
  readonly prefix: string;
}

/** All places of an App. */
export interface Places {
  /** Where that is which is of all. */
  readonly main: PlaceAddress;
  /** The shards in order, if there are any. */
  readonly shards: readonly PlaceAddress[];
}

/**
 * The places of an App. In a cluster each is in one slot, by its hash tag, so that a connection to a
 * place is one to a single node; that of all has the prefix itself as its tag.
 *
 * @throws ConfigError when a cluster's address cannot be read, or shards are given by address beside it
 */
export function placesOf({
  broker,
  prefix,
  shards,
}: Pick<AppConfig, 'broker' | 'prefix' | 'shards'>): Places {
  if (!isCluster(broker)) {
    return {
      main: { broker, prefix },
      shards: Array.isArray(shards)
        ? shards.map((address: string) => ({ broker: address, prefix }))
        : shardTags(shards as number).map((tag) => ({ broker, prefix: `${prefix}{${tag}}` })),
    };
  }
  checkCluster(broker, shards);
  const place = (tag: string, before: string): PlaceAddress => ({
    broker: placeInCluster(broker, tag),
    prefix: `${before}{${tag}}`,
  });
  const count = typeof shards === 'number' ? shards : 0;
  return {
    main: place(prefix, ''),
    shards: shardTags(count).map((tag) => place(tag, prefix)),
  };
}

function checkCluster(broker: string, shards: AppConfig['shards']): void {
  if (parseAddress(broker).via?.slot !== undefined) {
    throw new ConfigError(
      `broker ${redactAddress(broker)} cannot be used: what stands behind a # is dtask's own; leave it out`,
    );
  }
  if (typeof shards === 'number' || shards.length === 0) return;
  throw new ConfigError(
    `shards are addresses (${shards.map((one) => redactAddress(one)).join(', ')}), and the broker is a cluster (${redactAddress(broker)}), which has all that is spread; give the number of shards, such as 16`,
  );
}
