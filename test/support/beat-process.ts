/** A beat in a process of its own, of the app in `fixtures/beats`. */
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { DtaskProcess } from './dtask-process.js';
import { until } from './until.js';

const script = fileURLToPath(new URL('../fixtures/beats/beat.mjs', import.meta.url));

/** A process that plays a beat. */
export class BeatProcess extends DtaskProcess {
  constructor(env: Readonly<Record<string, string>>) {
    super([], { env, script });
  }

  /** What it is known by among the beats. */
  get id(): string | undefined {
    return /"beat":"([^"]+)"/.exec(this.stdout)?.[1];
  }

  /** Resolves when it takes its turns. */
  async ready(): Promise<this> {
    await until('the beat is ready', () => {
      if (this.hasEnded) throw new Error(`the beat ended:\n${this.output}`);
      return this.output.includes('beat is ready');
    });
    return this;
  }
}

/** Starts one that ends with the test at the latest. */
export function startBeatSoon(env: Readonly<Record<string, string>>): BeatProcess {
  const beat = new BeatProcess(env);
  onTestFinished(() => beat.kill());
  return beat;
}
