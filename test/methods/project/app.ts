/** Decorated methods of objects that depend on being themselves; compiled with both dialects of decorators. */
/* oxlint-disable typescript/unbound-method -- that they may be read is what is tested */
import { EventEmitter } from 'node:events';
import path from 'node:path';
import axios from 'axios';
import { App, currentTask } from 'dtask';
import postgres from 'postgres';

/** Each dialect has keys of its own. */
export const app = new App('methods', { prefix: path.basename(import.meta.dirname) });

/** What a method sees, by what is asked. */
export type Facts = Readonly<Record<string, unknown>>;

const http = axios.create({ baseURL: 'http://shop.example', headers: { from: 'shop' } });
/** It connects with its first query, and none is made. */
const sql = postgres('postgres://127.0.0.1:1/none');
const passwords = new WeakMap<object, string>();

export class Shop extends EventEmitter {
  static readonly currency = 'EUR';
  static #made = 0;

  readonly http = http;
  readonly sql = sql;
  readonly price = (amount: number): string => `${amount} EUR`;
  /** A member whose name the context has too. */
  id = 'shop-1';
  #till = 7;

  constructor() {
    super();
    Shop.#made += 1;
    passwords.set(this, 'sesame');
    this.on('sold', this.heard);
  }

  get total(): number {
    return this.#till;
  }

  set total(amount: number) {
    this.#till = amount;
  }

  heard(): void {}

  colour(): string {
    return '#fff';
  }

  #secret(): string {
    return `${this.#till}`;
  }

  @app.task({ name: 'shop.ping' })
  ping(): string {
    return 'pong';
  }

  /** Without private names in its source: what it reads of the object must be there nevertheless. */
  @app.task({ name: 'shop.facts' })
  async facts(): Promise<Facts> {
    const listening = this.listenerCount('sold');
    this.off('sold', this.heard);
    const left = this.listenerCount('sold');
    this.on('sold', this.heard);
    this.total = 8;
    const total = this.total;
    this.total = 7;
    return {
      self: this === shop,
      class: this instanceof Shop && this.constructor === Shop,
      weak: passwords.get(this),
      http: this.http === http && typeof this.http.get,
      baseURL: this.http.defaults.baseURL,
      url: this.http.getUri({ url: '/a', params: { b: 1 } }),
      sql: this.sql === sql && typeof this.sql.begin,
      sqlOptions: this.sql.options.database,
      off: [listening, left],
      same: this.heard === this.heard,
      total,
      own: this.id,
      price: [1, 2].map(this.price),
      context: 'retries' in this,
      name: currentTask().name,
      pinged: (await this.ping.delay()).id.length > 0 && this.ping(),
      task: this.ping === Shop.prototype.ping,
    };
  }

  @app.task({ name: 'shop.secrets' })
  secrets(): Facts {
    return { till: this.#till, secret: this.#secret(), colour: this.colour(), has: #till in this };
  }

  @app.task({ name: 'shop.hash' })
  hash(colour: string): Facts {
    return { white: colour === '#fff', self: this === shop, http: typeof this.http.post };
  }

  @app.task({ name: 'shop.statics' })
  static statics(): Facts {
    return { self: this === Shop, made: this.#made, currency: this.currency, name: this.name };
  }
}

export const shop = new Shop();

class Frozen {
  readonly #parts = ['a'];
  readonly http = http;

  constructor() {
    Object.freeze(this);
  }

  get parts(): readonly string[] {
    return this.#parts;
  }

  @app.task({ name: 'frozen.facts' })
  facts(): Facts {
    return {
      frozen: Object.isFrozen(this),
      self: this === frozen,
      parts: this.parts,
      get: this.http === http && typeof this.http.get,
    };
  }
}

export const frozen = new Frozen();
