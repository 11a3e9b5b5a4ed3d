/** A worker's heartbeat, as events: online, every two seconds, offline. */
import { hostname, loadavg } from 'node:os';
import type { EventWriter } from '@dtask/core/internal';

/** What a heart tells of its worker. */
export interface HeartPlace {
  readonly writer: EventWriter;
  readonly queues: () => readonly string[];
  readonly concurrency: () => number;
  readonly active: () => number;
  readonly processed: () => number;
}

/** The time between two beats, in milliseconds. */
export const every = 2_000;

/** Beats while events are on. */
export class Heart {
  readonly #place: HeartPlace;
  #timer: NodeJS.Timeout | undefined;

  constructor(place: HeartPlace) {
    this.#place = place;
  }

  /** Says that the worker is there, and beats. Where it beats already, nothing changes. */
  start(): void {
    const { writer, queues, concurrency } = this.#place;
    if (!writer.on || this.#timer) return;
    const fields = { ...self(), queues: queues(), concurrency: concurrency() };
    writer.emit('worker-online', fields);
    this.#timer = setInterval(() => this.beat(), every).unref();
  }

  beat(): void {
    const { writer, active, processed } = this.#place;
    writer.emit('worker-heartbeat', {
      ...self(),
      every,
      active: active(),
      processed: processed(),
      loadavg: loadavg(),
    });
  }

  /** Says that the worker goes, where it has said that it is there. */
  stop(): void {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#place.writer.emit('worker-offline', self());
  }
}

const self = (): { pid: number; host: string } => ({ pid: process.pid, host: hostname() });
