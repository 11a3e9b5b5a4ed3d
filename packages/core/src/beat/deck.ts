/** The periodic tasks that the code of an App has. */
import { createHash } from 'node:crypto';
import { RegistryError } from '../errors.js';
import type { CodedEntry } from './entry-json.js';

/** An entry of the code, and which text it has. */
export interface DeckEntry extends CodedEntry {
  readonly hash: string;
}

/** All of them, and what tells them from those of another version of the code. */
export interface Deck {
  readonly hash: string;
  readonly entries: ReadonlyMap<string, DeckEntry>;
}

/** Gathers the entries of an App while its modules load. */
export class DeckBuilder {
  readonly #app: string;
  readonly #entries = new Map<string, CodedEntry>();

  constructor(app: string) {
    this.#app = app;
  }

  /** @throws RegistryError when another entry has the name */
  add(name: string, entry: CodedEntry): void {
    if (this.#entries.has(name)) {
      throw new RegistryError(
        `app ${this.#app} has two beat entries named ${name}; give one of them another name`,
      );
    }
    this.#entries.set(name, entry);
  }

  /**
   * The deck as of now.
   *
   * @param more entries that tasks declare of themselves; what `add` has got goes ahead of them
   * @param timezone of the App, which a part of them depends on
   */
  deck(more: Iterable<readonly [string, CodedEntry]>, timezone: string): Deck {
    const coded = [...new Map([...more, ...this.#entries])].toSorted(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const entries = new Map(
      coded.map(([name, entry]) => {
        const hash = hashOf(JSON.stringify(entry.json) + zoneOf(entry.json, timezone));
        return [name, { ...entry, hash }] as const;
      }),
    );
    const lines = Array.from(entries, ([name, { hash }]) => `${name} ${hash}`);
    return { hash: hashOf(lines.join('\n')), entries };
  }
}

/** The time zone that an entry takes from its App. */
const zoneOf = ({ when }: CodedEntry['json'], timezone: string): string =>
  'v' in when && when.kind.startsWith('cron') && !('timezone' in when) ? timezone : '';

const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, 16);
