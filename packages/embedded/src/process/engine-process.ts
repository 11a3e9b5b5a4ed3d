/** The starting process's handle on its engine process: fork, wait until it serves, stop, notice its loss. */
import { fork, type ChildProcess } from 'node:child_process';
import process from 'node:process';
import { EmbeddedError, reasonOf } from '../errors.js';
import { endProcess, GRACE_MS } from './ending.js';
import { entryPath, type EntryName } from './entry.js';
import { isAlive } from './identity.js';
import {
  STOP,
  type ChildMessage,
  type GuardianConfig,
  type ReadyMessage,
  type StartMessage,
  type WasmConfig,
} from './message.js';
import { Tail } from './tail.js';

/** Beyond the child's own limits, so that its explanation arrives before we give up on it. */
const SLACK_MS = 1_000;

/** @throws EmbeddedError when the system refuses at once; mostly it does by an 'error' event */
function forkEntry(entry: EntryName): ChildProcess {
  const { NODE_OPTIONS: _dropped, ...env } = process.env;
  try {
    return fork(entryPath(entry), {
      // A session of its own: neither the terminal's signals nor a kill of the parent's group reach it.
      detached: process.platform !== 'win32',
      // The parent's loaders and debugger ports (execArgv, NODE_OPTIONS) are not for the engine.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
  } catch (cause) {
    throw couldNotRun(cause);
  }
}

function couldNotRun(cause: unknown): EmbeddedError {
  return new EmbeddedError(
    'EMBEDDED_START',
    `the embedded engine could not be run: ${reasonOf(cause)}; raise the limit that the system names (open files, processes, memory)`,
    { cause },
  );
}

export class EngineProcess {
  /** Resolves, never rejects, when the engine ended without `stop()`. */
  readonly lost: Promise<EmbeddedError>;

  private readonly child: ChildProcess;
  private readonly output = new Tail();
  private readonly gone: Promise<void>;
  private serverPid: number | undefined;
  private lostReason: string | undefined;
  /** What the system said where it could not start the process. */
  private failure: Error | undefined;
  private stopping: Promise<void> | undefined;

  /** Forks the entry, which makes itself ready and waits for `start`. */
  constructor(entry: EntryName) {
    this.child = forkEntry(entry);
    this.child.on('error', (error) => (this.failure ??= error));
    this.output.follow(this.child.stdout);
    this.output.follow(this.child.stderr);
    this.gone = this.watchEnd();
    this.letGo();
    this.lost = this.gone.then(() =>
      this.stopping === undefined ? this.lostError() : new Promise<never>(() => undefined),
    );
  }

  /** Resolves when it serves. Throws what the child gave as its reason, once nothing is left of it. */
  async start(config: WasmConfig | GuardianConfig, startTimeout: number): Promise<ReadyMessage> {
    if (this.child.pid === undefined) {
      await this.gone;
      throw this.unborn();
    }
    this.hold();
    const message: StartMessage = { type: 'start', config };
    // A child that died meanwhile is told of by its end.
    this.child.send(message, () => undefined);
    try {
      const ready = await this.waitUntilReady(startTimeout + SLACK_MS);
      this.letGo();
      return ready;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends the engine and resolves when it is gone; calling it again waits for the same end. */
  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    this.hold();
    // A callback, because a child that died meanwhile must not raise an 'error' event here.
    if (this.child.connected) this.child.send(STOP, () => undefined);
    const force = setTimeout(() => this.child.kill('SIGKILL'), GRACE_MS + SLACK_MS);
    await this.gone;
    clearTimeout(force);
  }

  private async waitUntilReady(timeout: number): Promise<ReadyMessage> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<ReadyMessage>((resolve, reject) => {
        const late = (): void => reject(this.startError(`did not answer within ${timeout} ms`));
        timer = setTimeout(late, timeout);
        void this.gone.then(() => reject(this.startError(`ended with ${this.ending()}`)));
        this.child.on('message', (message: ChildMessage) => {
          if (message.type === 'spawned' || message.type === 'ready') this.serverPid = message.pid;
          if (message.type === 'lost') this.lostReason = message.reason;
          if (message.type === 'failed') reject(new EmbeddedError(message.code, message.message));
          if (message.type === 'ready') resolve(message);
        });
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** While something is waited for, this program must not end. */
  private hold(): void {
    this.child.ref();
    this.child.channel?.ref();
  }

  /** A program that forgets `stop()` must still be able to end, and the engine ends with it. */
  private letGo(): void {
    this.child.unref();
    this.child.channel?.unref();
  }

  private async watchEnd(): Promise<void> {
    await new Promise<void>((resolve) => {
      // The last message may still be on its way when the process is gone; the channel closes behind it.
      this.child.once('exit', () =>
        this.child.connected ? this.child.once('disconnect', () => resolve()) : resolve(),
      );
      // Also emitted for a failed send or kill; only a process that never came to be has no pid.
      this.child.on('error', () => {
        if (this.child.pid === undefined) resolve();
      });
    });
    // The guardian may have been killed with its server still running: this process is then the last to know of it.
    if (
      this.serverPid !== undefined &&
      this.serverPid !== this.child.pid &&
      isAlive(this.serverPid)
    ) {
      this.lostReason ??= 'its guardian process was killed, so the server was stopped';
      await endProcess(this.serverPid);
    }
  }

  private lostError(): EmbeddedError {
    return new EmbeddedError(
      'EMBEDDED_LOST',
      `the embedded engine ended while it was in use: ${this.lostReason ?? `its process ended with ${this.ending()}`}` +
        `${this.output.quote()}; start it again with startEmbedded()`,
    );
  }

  private startError(what: string, cause?: Error): EmbeddedError {
    const message = `the embedded engine ${what}${this.output.quote()}; see its own words, or raise startTimeout on a slow machine`;
    return new EmbeddedError(
      'EMBEDDED_START',
      message,
      cause === undefined ? undefined : { cause },
    );
  }

  private unborn(): EmbeddedError {
    return couldNotRun(this.failure);
  }

  private ending(): string {
    return this.child.signalCode ?? `exit code ${this.child.exitCode ?? 'unknown'}`;
  }
}
