/** The setting that says where the main server is. */
import { parseAddress } from '../broker/address.js';
import { ConfigError } from '../errors.js';
import { type Setting, show } from './setting.js';

/** An address, checked: what is wrong with it is said when the App is made, and not at its first call. */
export function brokerAddress(
  row: Pick<Setting<string>, 'default' | 'env' | 'doc'>,
): Setting<string> {
  return {
    kind: 'string',
    defaultText: JSON.stringify(row.default),
    ...row,
    parse: (value, what) => {
      if (typeof value !== 'string')
        throw new ConfigError(`${what} must be the address of a server, got ${show(value)}`);
      const url = value.trim();
      parseAddress(url, what);
      return url;
    },
  };
}
