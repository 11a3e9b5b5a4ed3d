/** Certificates of a test file's own, made by openssl: an authority, and what it has signed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The paths of a certificate and its key. */
export interface Signed {
  readonly cert: string;
  readonly key: string;
}

/** An authority, in a folder that goes with it. */
export class Certificates implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'dtask-tls-'));
  readonly ca: string;
  readonly #key: string;

  constructor() {
    const { cert, key } = this.#make('ca', ['-addext', 'basicConstraints=critical,CA:TRUE']);
    this.ca = cert;
    this.#key = key;
  }

  /** A certificate for a name and the addresses of this machine. */
  sign(name: string, names: readonly string[] = ['IP:127.0.0.1', 'DNS:localhost']): Signed {
    const extension = join(this.dir, `${name}.ext`);
    writeFileSync(extension, `subjectAltName=${names.join(',')}\n`);
    const [request, key, cert] = ['csr', 'key', 'pem'].map((end) =>
      join(this.dir, `${name}.${end}`),
    );
    this.#openssl(
      'req',
      '-new',
      ...newKey,
      '-keyout',
      key,
      '-out',
      request,
      '-subj',
      `/CN=${name}`,
    );
    const by = ['-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial'];
    this.#openssl(
      'x509',
      '-req',
      '-in',
      request,
      ...by,
      '-out',
      cert,
      '-days',
      '2',
      '-extfile',
      extension,
    );
    return { cert: String(cert), key: String(key) };
  }

  #make(name: string, more: readonly string[]): Signed {
    const [cert, key] = [join(this.dir, `${name}.pem`), join(this.dir, `${name}.key`)];
    const subject = ['-subj', `/CN=${name}`, '-days', '2'];
    this.#openssl('req', '-x509', ...newKey, '-keyout', key, '-out', cert, ...subject, ...more);
    return { cert, key };
  }

  #openssl(...args: readonly (string | undefined)[]): void {
    execFileSync('openssl', args.map(String), { stdio: 'pipe' });
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
