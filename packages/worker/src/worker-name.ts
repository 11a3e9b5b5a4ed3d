/** What a worker is called: its name may have placeholders. */
import { hostname } from 'node:os';
import { ConfigError } from '@dtask/core';

/** What placeholders stand for; the names are Celery's, and `%a`. */
function meanings(app: string): Readonly<Record<string, string>> {
  const host = hostname();
  const dot = host.indexOf('.');
  return {
    h: host,
    n: dot < 0 ? host : host.slice(0, dot),
    d: dot < 0 ? '' : host.slice(dot + 1),
    // Of a worker without a supervisor; others get theirs from it.
    i: '0',
    I: '',
    a: app,
    '%': '%',
  };
}

/**
 * Fills in a name such as `mail@%h`.
 *
 * @param format `%h` is the host, `%n` the host without its domain, `%d` the domain, `%i` and `%I`
 * the number among the workers of one supervisor (0, and nothing, without one), `%a` the App's name
 * @throws ConfigError when there is no such placeholder
 */
export function workerName(format: string, app: string): string {
  const known = meanings(app);
  return format.replaceAll(/%(.?)/gs, (whole, letter: string) => {
    const meaning = Object.hasOwn(known, letter) ? known[letter] : undefined;
    if (meaning !== undefined) return meaning;
    throw new ConfigError(
      `a worker's name has no placeholder ${whole}; it may have %h (host), %n (host without domain), %d (domain), %i and %I (number under --workers), %a (app), got ${format}`,
    );
  });
}
