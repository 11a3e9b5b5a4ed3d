/** TLS to servers: certificates and what is checked of them, as options, variables and for the connections. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../errors.js';
import { boolean, type Setting, text } from './setting.js';

/** What an App takes as `tls`. A certificate or key is a file's path, or its text: `-----BEGIN ...`. */
export interface TlsOptions {
  /** Certificates of authorities that servers' certificates are checked against. @default those of Node.js */
  ca?: string;
  /** The App's own certificate, where servers ask for one; goes with `key`. @default none */
  cert?: string;
  /** The key of that. @default none */
  key?: string;
  /** The password of the key. @default none */
  passphrase?: string;
  /** The name that servers' certificates must have. @default the host that is connected to */
  servername?: string;
  /** Whether a server without a valid certificate is refused. @default true */
  rejectUnauthorized?: boolean;
}

/** The same, checked and read, as Node.js takes it. */
export type TlsConfig = Readonly<TlsOptions>;

/** The settings of TLS, to servers or to sentinels. */
export type TlsSettings = {
  readonly [K in keyof Required<TlsOptions>]: Setting<NonNullable<TlsOptions[K]>>;
};

const begin = '-----BEGIN ';

/** A certificate or a key: read when the App is made. */
function pem(row: Pick<Setting<string>, 'env' | 'doc'>): Setting<string> {
  return {
    kind: 'file or PEM',
    default: '',
    defaultText: '(none)',
    ...row,
    parse: (value, what) => {
      const given = Buffer.isBuffer(value) ? value.toString('latin1') : value;
      if (typeof given !== 'string')
        throw new ConfigError(
          `${what} must be the path of a file, or the text of one, got ${typeof value}`,
        );
      const read = given.includes(begin) ? given : contentOf(given, what);
      if (read.includes(begin)) return read;
      throw new ConfigError(
        `${what} must be of PEM: there is no ${begin.trim()} in ${shownPath(given)}`,
      );
    },
  };
}

function contentOf(path: string, what: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new ConfigError(
      `${what} must be the path of a file that can be read, got ${shownPath(path)} (${code})`,
    );
  }
}

/** What is no path may be a key without its first line. */
const shownPath = (path: string): string => (/^[\w.:\\/ ~-]{1,120}$/.test(path) ? path : '***');

/** A text that is not shown. */
const secret = (row: Pick<Setting<string>, 'env' | 'doc'>): Setting<string> => ({
  kind: 'string',
  default: '',
  defaultText: '(none)',
  ...row,
  parse: (value, what) => {
    if (typeof value === 'string') return value;
    throw new ConfigError(`${what} must be a string, got ${typeof value}`);
  },
});

/** @param whom whose certificates they are about */
function tlsSettings(env: string, whom: string, standard: string): TlsSettings {
  return {
    ca: pem({
      env: `${env}_CA`,
      doc: `Certificates of authorities that those of ${whom} are checked against${standard}.`,
    }),
    cert: pem({ env: `${env}_CERT`, doc: `The app's own certificate, where ${whom} ask for one.` }),
    key: pem({ env: `${env}_KEY`, doc: 'The key of that certificate.' }),
    passphrase: secret({ env: `${env}_PASSPHRASE`, doc: 'The password of that key.' }),
    servername: text({
      default: '',
      env: `${env}_SERVERNAME`,
      defaultText: '(the host)',
      doc: `The name that the certificates of ${whom} must have, where that is not the host that is connected to.`,
    }),
    rejectUnauthorized: boolean({
      default: true,
      env: `${env}_REJECT_UNAUTHORIZED`,
      doc: `Whether ${whom} without a valid certificate are refused. Without that anybody in between can read along.`,
    }),
  };
}

/** TLS to servers, and to the sentinels that know them: `tls` and `sentinelTls` of an App. */
export const tlsTables = {
  tls: tlsSettings('DTASK_TLS', 'servers', ', in place of those of Node.js'),
  sentinelTls: tlsSettings('DTASK_SENTINEL_TLS', 'sentinels', '; without it that of the servers'),
} as const;

/**
 * Puts what was given for TLS into the form of Node.js; gives nothing where nothing was given.
 *
 * @param what names it in errors: `tls`
 * @throws ConfigError when a certificate has no key, or they cannot be used
 */
export function tlsOf(given: Required<TlsOptions>, what: string): TlsConfig | undefined {
  const entries = Object.entries(given).filter(([, value]) => value !== '' && value !== true);
  if (entries.length === 0) return undefined;
  const config = Object.freeze(Object.fromEntries(entries)) as TlsConfig;
  if ((config.cert === undefined) !== (config.key === undefined))
    throw new ConfigError(
      `${what}.cert and ${what}.key go together, got only ${what}.${config.cert ? 'cert' : 'key'}`,
    );
  try {
    if (config.ca !== undefined) void new X509Certificate(config.ca);
    createSecureContext(config);
  } catch (error) {
    // Its cause may have the key.
    throw new ConfigError(`${what} cannot be used: ${(error as Error).message}`);
  }
  return config;
}
