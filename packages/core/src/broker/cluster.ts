/** What a process knows of a Redis Cluster: which node has which slots. */
import type { NodeAddress } from './address.js';
import { type Access, askNode, type ClusterTable, nodeName, ownerIn } from './cluster-table.js';

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

const clusters = new Map<string, Cluster>();

/** A cluster, one for all connections of the process to it. */
export class Cluster {
  readonly #seeds: readonly NodeAddress[];
  readonly #access: Access;
  readonly #held = new Set<Held>();
  #table: ClusterTable | undefined;
  #asking: { readonly at: number; readonly table: Promise<ClusterTable> } | undefined;
  /** Counts askings: each begins with another node, so that none decides for long what is told. */
  #round = 0;

  private constructor(seeds: readonly NodeAddress[], access: Access) {
    this.#seeds = seeds;
    this.#access = access;
  }

  /** That of an address, which is known by its nodes and by who asks. */
  static of(seeds: readonly NodeAddress[], { username, password, tls }: Access): Cluster {
    const key = JSON.stringify([seeds, username, password, tls]);
    let cluster = clusters.get(key);
    if (!cluster) {
      const access = { ...(username && { username }), ...(password && { password }) };
      clusters.set(key, (cluster = new Cluster(seeds, { ...access, ...(tls && { tls }) })));
    }
    return cluster;
  }

  /**
   * Gives the node that has a slot.
   *
   * @param since what nodes have said before that does not count, by the clock of `performance.now()`
   * @throws Error when none of the nodes answers, or none has the slot
   */
  async owner(slot: number, since: number): Promise<NodeAddress> {
    const known = this.#table;
    const table = known && known.askedAt >= since ? known : await this.#ask(since);
    const owner = ownerIn(table, slot);
    if (owner) return owner;
    throw new Error(`no node has slot ${slot} of the cluster, says ${nodeName(table.askedOf)}`);
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

  #learn(table: ClusterTable): void {
    this.#table = table;
    if (!table.whole) return;
    for (const { slot, node, leave } of [...this.#held]) {
      const owner = ownerIn(table, slot);
      if (owner && nodeName(owner) !== nodeName(node)) leave();
    }
  }

  /** Those who ask at a time share one answer. */
  async #ask(since: number): Promise<ClusterTable> {
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
   * The first answer of a node for which the cluster is whole, else the last of another. Each node is
   * given a moment before the next is asked beside it.
   */
  #first(): Promise<ClusterTable> {
    const nodes = this.#inTurn();
    const failed: string[] = [];
    let spare: ClusterTable | undefined;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let next = 0;
      const more = (): void => {
        clearTimeout(timer);
        const node = nodes[next];
        if (!node) return;
        next += 1;
        timer = setTimeout(more, stagger);
        askNode(node, this.#access).then(answered, (error: unknown) => {
          failed.push(
            `${nodeName(node)}: ${error instanceof Error ? error.message : String(error)}`,
          );
          goOn();
        });
      };
      const answered = (table: ClusterTable): void => {
        if (table.whole) {
          next = nodes.length;
          clearTimeout(timer);
          resolve(table);
          return;
        }
        spare = table;
        failed.push(`${nodeName(table.askedOf)}: its cluster is down`);
        goOn();
      };
      const goOn = (): void => {
        if (failed.length < nodes.length) more();
        else if (spare) resolve(spare);
        else reject(silence(failed));
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

function silence(failed: readonly string[]): Error {
  const rest = failed.length - mostNamed;
  const named = failed.slice(0, mostNamed).join('; ');
  return new Error(
    `none of the cluster's nodes answers (${named}${rest > 0 ? `; and ${rest} more` : ''})`,
  );
}
