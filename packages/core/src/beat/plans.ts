/** Makes plans of entries, with the functions that the code has of them. */
import type { Deck } from './deck.js';
import { parseEntry } from './entry-json.js';
import { Plan } from './plan.js';
import type { Stored } from './store.js';

/** Most plans that are kept. */
const mostPlans = 20_000;

/** Compiles each entry once. */
export class Plans {
  readonly #deck: () => Deck;
  readonly #timezone: string;
  readonly #made = new Map<string, { readonly key: string; readonly plan: Plan }>();

  /** @param timezone of the App */
  constructor(deck: () => Deck, timezone: string) {
    this.#deck = deck;
    this.#timezone = timezone;
  }

  /** @throws ConfigError when what is stored makes no entry */
  of({ name, entry, state }: Pick<Stored, 'name' | 'entry' | 'state'>): Plan {
    const { code, changed, born } = state;
    const coded = this.#deck().entries.get(name);
    const functions = coded && coded.hash === code && !changed ? coded.functions : {};
    const key = `${born} ${code ?? ''} ${changed ?? ''} ${entry}`;
    const known = this.#made.get(name);
    if (known?.key === key) return known.plan;
    const place = { name, born, timezone: this.#timezone };
    const plan = new Plan(parseEntry(name, entry), functions, place);
    if (this.#made.size >= mostPlans) this.#made.clear();
    this.#made.set(name, { key, plan });
    return plan;
  }
}
