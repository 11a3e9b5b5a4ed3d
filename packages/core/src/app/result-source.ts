/** What results stand on: reading, waiting, revoking. */
import type { Broker } from '../broker/broker.js';
import type { AppConfig } from '../config/resolve.js';
import type { ResultSource } from '../result/async-result.js';
import { Ledger } from '../result/ledger.js';
import { Mailbox } from '../result/mailbox.js';
import { revokeTasks } from '../result/revocation.js';

/**
 * Makes the source of an App's results.
 *
 * @param revoke ends tasks that were sent
 */
export function resultSource(
  broker: Broker,
  { prefix, resultExpires }: AppConfig,
  revoke: ResultSource['revoke'],
): ResultSource {
  const ledger = new Ledger((what, commands) => broker.ask(what, commands), prefix);
  const mailbox = new Mailbox(() => broker.open(), prefix, ledger);
  const place = { prefix, caller: mailbox.caller, keep: resultExpires };
  return {
    ledger,
    mailbox,
    revoke,
    revokeAll: async (canvas, how) => {
      // First what was sent, so that no worker takes it; then what was not sent yet.
      const removed = await revoke(canvas, how);
      const ended = await broker.ask('a canvas was not revoked', (connection) =>
        revokeTasks(connection, canvas, place),
      );
      return removed + ended;
    },
  };
}
