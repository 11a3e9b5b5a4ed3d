/** The periodic tasks that an App's code has, wherever it says so. */
import { type Deck, DeckBuilder } from '../beat/deck.js';
import type { AnyBeatEntry } from '../beat/entry.js';
import { type CodedEntry, readEntry } from '../beat/entry-json.js';
import { Canvas } from '../canvas/canvas.js';
import { ConfigError } from '../errors.js';
import { inside, isTask, nameOf } from '../task/task.js';
import type { Registry } from './registry.js';

export class PeriodicTasks {
  readonly #builder: DeckBuilder;
  #deck: Deck | undefined;
  /** Of how many additions to the registry the deck is made. */
  #made = 0;

  constructor(app: string) {
    this.#builder = new DeckBuilder(app);
  }

  /**
   * Takes an entry.
   *
   * @throws ConfigError when it is wrong, RegistryError when its name is taken
   */
  add(name: string, entry: AnyBeatEntry): void {
    this.#builder.add(name, readEntry(name, entry));
    this.#deck = undefined;
  }

  /**
   * All that are there by now: those of the App, and those of its tasks, under the tasks' names.
   *
   * @param timezone of the App
   * @throws ConfigError when what a task says of itself is wrong
   */
  deck(registry: Registry, timezone: string): Deck {
    if (this.#deck && this.#made === registry.additions) return this.#deck;
    const declared = registry.names().flatMap((name): (readonly [string, CodedEntry])[] => {
      const { periodic } = inside(registry.get(name)).definition;
      return periodic ? [[name, readEntry(name, { task: name, ...periodic })]] : [];
    });
    this.#made = registry.additions;
    return (this.#deck = this.#builder.deck(declared, timezone));
  }
}

/**
 * What an entry is called that is given no name.
 *
 * @throws ConfigError for a canvas of more than one task
 */
export function defaultName(task: AnyBeatEntry['task']): string {
  if (typeof task === 'string') return task;
  if (isTask(task)) return nameOf(inside(task).definition);
  if (task instanceof Canvas && task.node.kind === 'task') return task.node.task;
  throw new ConfigError('a periodic canvas needs a name: addPeriodicTask(when, canvas, { name })');
}
