/** Gathers events while a test goes on. */
import type { App, DtaskEvent } from 'dtask';
import { onTestFinished } from 'vitest';
import { until } from '../support/until.js';

/** What `app.events` takes. */
type Options = NonNullable<Parameters<App['events']>[0]>;

/** A reader that has begun. */
export class Watch {
  readonly events: DtaskEvent[] = [];
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly #end = new AbortController();

  constructor(app: App, options: Options = {}) {
    this.ended = this.#read(app, { since: 'start', ...options, signal: this.#end.signal });
    this.ended.catch(() => undefined);
    onTestFinished(() => this.end());
  }

  async #read(app: App, options: Options): Promise<void> {
    for await (const event of app.events(options)) this.events.push(event);
  }

  async end(): Promise<void> {
    this.#end.abort();
    await this.ended;
  }

  /** The types of a task's events, in order. */
  typesOf(id: string): string[] {
    return this.events.filter((event) => 'id' in event && event.id === id).map(({ type }) => type);
  }

  /** Resolves to the first event that fits. */
  seen(what: string, fits: (event: DtaskEvent) => boolean, limit?: number): Promise<DtaskEvent> {
    return until(what, () => this.events.find(fits), limit);
  }

  /** Resolves when a task has had an event of a type. */
  async had(id: string, type: DtaskEvent['type']): Promise<void> {
    await this.seen(
      `${id} had ${type}`,
      (event) => 'id' in event && event.id === id && event.type === type,
    );
  }
}
