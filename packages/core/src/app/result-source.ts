/** What results stand on: reading, waiting, revoking. */
import type { Broker } from '../broker/broker.js';
import type { Shard, Shards } from '../broker/shards.js';
import type { AppConfig } from '../config/resolve.js';
import { partBy } from '../part-by.js';
import type { Before } from '../protocol/outcome.js';
import type { ResultSource } from '../result/async-result.js';
import { Ledger } from '../result/ledger.js';
import { Liveness } from '../result/liveness.js';
import { Ledgers } from '../result/ledgers.js';
import { callerName, Mailbox, type MailboxPlace } from '../result/mailbox.js';
import { Mailboxes } from '../result/mailboxes.js';
import { revokeTasks } from '../result/revocation.js';
import { Tide } from '../result/tide.js';

/**
 * Makes the source of an App's results.
 *
 * @param plane `revoke` ends tasks that were sent, `takersOf` asks workers
 */
export function resultSource(
  shards: Shards,
  { resultExpires: keep }: AppConfig,
  { revoke, takersOf, handles }: Pick<ResultSource, 'revoke' | 'takersOf' | 'handles'>,
): ResultSource {
  const liveness = new Liveness((id) => shards.of(id));
  const holds = (before: Before | undefined): Promise<boolean> => liveness.holds(before);
  const { ledger, mailbox } = readersOf(shards, { holds, handles });
  const { caller } = mailbox;
  return {
    ledger,
    mailbox,
    handles,
    holds,
    takersOf,
    revoke,
    revokeAll: async (canvas, how) => {
      // First what was sent, so that no worker takes it; then what was not sent yet.
      const removed = await revoke(canvas, how);
      const parts = partBy(canvas, ({ id }) => shards.of(id));
      const ended = await Promise.all(
        [...parts].map(([{ ask, prefix }, some]) =>
          ask('a canvas was not revoked', (connection) =>
            revokeTasks(connection, some, { prefix, caller, keep }),
          ),
        ),
      );
      return ended.reduce((sum, count) => sum + count, removed);
    },
  };
}

function readersOf(
  shards: Shards,
  own: Pick<ResultSource, 'holds' | 'handles'>,
): Pick<ResultSource, 'ledger' | 'mailbox'> {
  const caller = callerName();
  const tide = new Tide();
  const readers = new Map(
    shards.places.map((shard) => [shard, readerOf(shard, { caller, tide, ...own })] as const),
  );
  const of = (shard: Shard): Reader => readers.get(shard) as Reader;
  const main = of(shards.main);
  if (shards.places.length === 1) return main;
  const all = [...readers.values()].map(({ mailbox }) => mailbox);
  return {
    ledger: new Ledgers((id) => of(shards.of(id)).ledger),
    mailbox: new Mailboxes(main.mailbox, all, (id) => of(shards.of(id)).mailbox, tide),
  };
}

interface Reader {
  readonly ledger: Ledger;
  readonly mailbox: Mailbox;
}

function readerOf(
  { ask, prefix, broker }: Shard,
  shared: Pick<MailboxPlace, 'caller' | 'tide' | 'holds' | 'handles'>,
): Reader {
  const ledger = new Ledger(ask, prefix);
  const inTime: Broker['inTime'] = (...asked) => broker.inTime(...asked);
  const place = { prefix, ledger, inTime, ...shared };
  return { ledger, mailbox: new Mailbox(() => broker.open(), place) };
}
