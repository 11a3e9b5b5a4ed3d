/** `--embedded`: a Redis at the broker's address, where none listens. */
import { type Embedded, type PreparedEmbedded, prepareEmbedded } from '@dtask/embedded';
import { listens } from './listens.js';

let prepared: PreparedEmbedded | undefined;

/**
 * Makes an engine's process ready for `engineFor`, while the app is loaded that says where it is to
 * listen. Nothing heavy is imported here: this runs before all else.
 */
export function prepareEngine(): void {
  prepared = prepareEmbedded();
}

/**
 * Starts an engine at a broker's address; gives nothing where a server is there already.
 *
 * @throws ConfigError when the address is not on this machine, EmbeddedError when it cannot start
 */
export async function engineFor(broker: string): Promise<Embedded | undefined> {
  const { parseAddress, redactAddress } = await import('@dtask/core/internal');
  const { host, port, tls, password, via } = parseAddress(broker);
  const engine = prepared ?? prepareEmbedded();
  prepared = undefined;
  const nodes = via?.seeds ?? [{ host, port }];
  const answers = await Promise.all(nodes.map((node) => listens(node.host, node.port)));
  if (answers.includes(true)) {
    await engine.discard();
    return undefined;
  }
  if (via) {
    await engine.discard();
    const { ConfigError } = await import('@dtask/core');
    throw new ConfigError(
      `an embedded Redis stands alone, and the broker is a cluster or has sentinels, of which none answers: ${redactAddress(broker)}; start them, or give a redis:// address while developing`,
    );
  }
  if (!['127.0.0.1', 'localhost', '::1'].includes(host) || tls || password) {
    await engine.discard();
    const { ConfigError } = await import('@dtask/core');
    throw new ConfigError(
      `an embedded Redis listens on this machine, without TLS or a password; the broker is at ${host}:${port}, where none answers`,
    );
  }
  return engine.start({ host, port });
}
