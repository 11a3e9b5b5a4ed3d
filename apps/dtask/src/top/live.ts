/** The live view: looks, draws and hears keys until somebody ends it. */
import { setTimeout as pause } from 'node:timers/promises';
import { BrokerError } from '@dtask/core';
import { draw } from './draw.js';
import type { Sample, Sampler } from './sample.js';
import { Screen } from './screen.js';
import { snapshotOf } from './snapshot.js';
import { span } from './numbers.js';
import { type Action, actionsOf, afterAction, firstView, type View, withSnapshot } from './view.js';

/** A look that takes longer says so, in milliseconds. */
const patience = 2_500;
/** The time between two looks, where one takes longer than the interval. */
const shortest = 50;

/** What is wrong, without what was asked for just then. */
const troubleOf = ({ message }: BrokerError): string =>
  message.slice(Math.max(0, message.indexOf('Redis at ')));

/** One run of `dtask top` on a terminal. */
export class Live {
  readonly #sampler: Sampler;
  readonly #interval: number;
  readonly #screen: Screen;
  readonly #ended = new AbortController();
  #view: View = firstView;
  /** When the look began that is under way. */
  #looking: number | undefined;

  /** @param interval from one look to the next, in milliseconds */
  constructor(sampler: Sampler, interval: number) {
    this.#sampler = sampler;
    this.#interval = interval;
    this.#screen = new Screen(process.stdout, process.stdin, (typed) => {
      for (const action of actionsOf(typed)) this.#act(action);
    });
  }

  /** Runs until it is ended by a key or a signal; the terminal is then as it was. */
  async run(): Promise<void> {
    const { signal } = this.#ended;
    const undo = this.#listen();
    const ticks = setInterval(this.#draw, 1_000);
    this.#screen.enter();
    this.#draw();
    try {
      const over = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      // What is asked for when it ends is of no interest any more.
      await Promise.race([over, this.#look()]);
    } finally {
      clearInterval(ticks);
      this.#end();
      undo();
    }
  }

  /** At once: after this the process may be killed, and the terminal is as it was. */
  readonly #end = (): void => {
    this.#screen.leave();
    this.#ended.abort();
  };

  readonly #draw = (): void => {
    this.#screen.show(draw(this.#shown(), this.#screen.size));
  };

  /** What is known, and that it is not known anew. */
  #shown(): View {
    const since = this.#looking === undefined ? 0 : performance.now() - this.#looking;
    if (since < patience || this.#view.trouble !== undefined) return this.#view;
    return { ...this.#view, trouble: `Redis has not answered for ${span(since / 1_000)}` };
  }

  async #look(): Promise<void> {
    let before: Sample | undefined;
    while (!this.#ended.signal.aborted) {
      const began = performance.now();
      if (!this.#view.paused) {
        this.#looking = began;
        before = await this.#lookOnce(before);
        this.#looking = undefined;
        this.#draw();
      }
      await this.#pause(Math.max(shortest, this.#interval - (performance.now() - began)));
    }
  }

  /** @returns what the next one's rates are counted from */
  async #lookOnce(before: Sample | undefined): Promise<Sample | undefined> {
    try {
      const sample = await this.#sampler.look();
      this.#view = withSnapshot(this.#view, snapshotOf(sample, before));
      return sample;
    } catch (error) {
      if (this.#ended.signal.aborted) return undefined;
      // Redis comes back, and so does the picture. Anything else is a fault.
      if (!(error instanceof BrokerError)) throw error;
      this.#view = { ...this.#view, trouble: troubleOf(error) };
      return before;
    }
  }

  async #pause(time: number): Promise<void> {
    await pause(time, undefined, { signal: this.#ended.signal }).catch(() => undefined);
  }

  #act(action: Action): void {
    if (action === 'quit') return this.#end();
    if (action === 'stop') return this.#stop();
    this.#view = afterAction(this.#view, action);
    this.#draw();
  }

  /** Ctrl-Z: the shell gets its terminal as it was, until it sends this process on. */
  #stop(): void {
    this.#screen.leave();
    process.once('SIGCONT', () => {
      if (this.#ended.signal.aborted) return;
      this.#screen.enter();
      this.#draw();
    });
    // The whole group, as the terminal does: a shell's script stops with what it runs.
    process.kill(0, 'SIGTSTP');
  }

  /** Hears what ends it, or changes the terminal; gives what undoes that. */
  #listen(): () => void {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    const leave = (): void => this.#screen.leave();
    const resized = (): void => {
      this.#screen.forget();
      this.#draw();
    };
    for (const signal of signals) process.on(signal, this.#end);
    process.on('exit', leave).on('uncaughtExceptionMonitor', leave);
    process.stdout.on('resize', resized);
    return () => {
      for (const signal of signals) process.off(signal, this.#end);
      process.off('exit', leave).off('uncaughtExceptionMonitor', leave);
      process.stdout.off('resize', resized);
    };
  }
}
