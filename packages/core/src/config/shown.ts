/** The settings of an App as they may be shown: without passwords and keys. */
import { isCluster } from '../broker/address.js';
import { redactAddress } from '../broker/shown-address.js';
import type { AppConfig } from './resolve.js';
import type { TlsConfig } from './tls.js';

/** The servers' addresses lose their passwords; the rest is as it is. */
export const shownSettings = (config: AppConfig): AppConfig => ({
  ...config,
  broker: redactAddress(config.broker),
  shards:
    typeof config.shards === 'number'
      ? config.shards
      : config.shards.map((address) => redactAddress(address)),
  ...(config.tls && { tls: shownTls(config.tls) }),
  ...(config.sentinelTls && { sentinelTls: shownTls(config.sentinelTls) }),
});

/** What was given, without certificates, keys and passwords. As text it is one line. */
function shownTls(config: TlsConfig): TlsConfig {
  const shown = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      key === 'servername' || key === 'rejectUnauthorized' ? (value as unknown) : '***',
    ]),
  );
  return Object.defineProperty(shown, 'toString', { value: () => JSON.stringify(shown) });
}

/** The shards, as they may be shown to people; nothing where there are none. */
export function shownShards(config: AppConfig): string | undefined {
  const { shards } = shownSettings(config);
  if (typeof shards === 'number')
    return `${shards} ${isCluster(config.broker) ? 'over the cluster' : 'on the broker'}`;
  return shards.length === 0 ? undefined : shards.join(', ');
}
