/** What a process has been told of where servers are: by the nodes of a cluster, or by sentinels. */
import type { NodeAddress, Whereabouts } from './address.js';
import { askCluster } from './ask-cluster.js';
import { askSentinel } from './ask-sentinel.js';
import { type Access, nodeName, ownerIn, type Told } from './told.js';

/** After this time without an answer the next node is asked as well, in milliseconds. */
const stagger = 250;
/** Nodes that an error names at most. */
const mostNamed = 3;

/** A connection, and what it is to. */
interface Held {
  readonly slot: number;
  readonly node: NodeAddress;
  readonly leave: () => void;
}

const directories = new Map<string, Directory>();

/** One for all connections of the process to a cluster, or to a primary of sentinels. */
export class Directory {
  readonly #seeds: readonly NodeAddress[];
  readonly #ask: (node: NodeAddress) => Promise<Told>;
  /** What those are called who are asked. */
  readonly #whom: string;
  readonly #held = new Set<Held>();
  #table: Told | undefined;
  #asking: { readonly at: number; readonly table: Promise<Told> } | undefined;
  /** Counts askings: each begins with another node, so that none decides for long what is told. */
  #round = 0;

  private constructor(
    seeds: readonly NodeAddress[],
    ask: (node: NodeAddress) => Promise<Told>,
    whom: string,
  ) {
    this.#seeds = seeds;
    this.#ask = ask;
    this.#whom = whom;
  }

  /** That of an address, which is known by who is asked, and who asks. */
  static of({ seeds, name }: Whereabouts, { username, password, tls }: Access): Directory {
    const key = JSON.stringify([seeds, name, username, password, tls]);
    let directory = directories.get(key);
    if (!directory) {
      const login = { ...(username && { username }), ...(password && { password }) };
      const access = { ...login, ...(tls && { tls }) };
      directory =
        name === undefined
          ? new Directory(seeds, (node) => askCluster(node, access), "the cluster's nodes")
          : new Directory(seeds, (node) => askSentinel(node, access, name), 'its sentinels');
      directories.set(key, directory);
    }
    return directory;
  }

  /**
   * Gives the node that has a slot.
   *
   * @param since what nodes have said before that does not count, by the clock of `performance.now()`
   * @throws Error when none of those answers who know, or none has the slot
   */
  async owner(slot: number, since: number): Promise<NodeAddress> {
    const known = this.#table;
    const table = known && known.askedAt >= since ? known : await this.#told(since);
    const owner = ownerIn(table, slot);
    if (owner) return owner;
    throw new Error(`no node has slot ${slot}, says ${nodeName(table.askedOf)}`);
  }

  /**
   * Has a connection left when another node is said to have its slot: what one has found out, by seconds
   * of silence maybe, the others need not, nor one that only hears. Gives the function that ends this.
   */
  hold(slot: number, node: NodeAddress, leave: () => void): () => void {
    const held = { slot, node, leave };
    this.#held.add(held);
    return () => this.#held.delete(held);
  }

  #learn(table: Told): void {
    this.#table = table;
    if (!table.sure) return;
    for (const { slot, node, leave } of [...this.#held]) {
      const owner = ownerIn(table, slot);
      if (owner && nodeName(owner) !== nodeName(node)) leave();
    }
  }

  /** Those who ask at a time share one answer. */
  async #told(since: number): Promise<Told> {
    if (!this.#asking || this.#asking.at < since) {
      const asking = { at: performance.now(), table: this.#first() };
      this.#asking = asking;
      const done = (): void => {
        if (this.#asking === asking) this.#asking = undefined;
      };
      asking.table.then((table) => {
        done();
        this.#learn(table);
      }, done);
    }
    return this.#asking.table;
  }

  /**
   * The first answer of a node that finds all well, else the last of another. Each node is
   * given a moment before the next is asked beside it.
   */
  #first(): Promise<Told> {
    const nodes = this.#inTurn();
    const failed: string[] = [];
    let spare: Told | undefined;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let next = 0;
      const more = (): void => {
        clearTimeout(timer);
        const node = nodes[next];
        if (!node) return;
        next += 1;
        timer = setTimeout(more, stagger);
        this.#ask(node).then(answered, (error: unknown) => {
          failed.push(
            `${nodeName(node)}: ${error instanceof Error ? error.message : String(error)}`,
          );
          goOn();
        });
      };
      const answered = (table: Told): void => {
        if (table.sure) {
          next = nodes.length;
          clearTimeout(timer);
          resolve(table);
          return;
        }
        spare = table;
        failed.push(`${nodeName(table.askedOf)}: something is down there`);
        goOn();
      };
      const goOn = (): void => {
        if (failed.length < nodes.length) more();
        else {
          clearTimeout(timer);
          if (spare) resolve(spare);
          else reject(silence(this.#whom, failed));
        }
      };
      more();
    });
  }

  /** All that are known, each once. */
  #inTurn(): NodeAddress[] {
    const nodes = [...this.#seeds, ...(this.#table?.nodes ?? [])];
    const all = [...new Map(nodes.map((node) => [nodeName(node), node])).values()];
    const first = this.#round % all.length;
    this.#round += 1;
    return [...all.slice(first), ...all.slice(0, first)];
  }
}

function silence(whom: string, failed: readonly string[]): Error {
  const rest = failed.length - mostNamed;
  const named = failed.slice(0, mostNamed).join('; ');
  return new Error(
    `none of ${whom} says where it is (${named}${rest > 0 ? `; and ${rest} more` : ''})`,
  );
}
