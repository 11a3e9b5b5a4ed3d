/** One run of a native `valkey-server` or `redis-server`: its command line, its readiness, its end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedError, portTaken } from '../errors.js';
import { askServer, dialHost, type ServerInfo } from '../probe.js';
import { endProcess } from '../process/ending.js';
import { Tail } from '../process/tail.js';

const LOOK_EVERY_MS = 10;

/** What to run and where it listens. */
export interface ServerCommand {
  readonly command: string;
  /** Put in front of the command, see `deathSignalCommand`. */
  readonly prefix: readonly string[];
  readonly host: string;
  readonly port: number;
  /** Existing folder for the append-only file; false keeps nothing. */
  readonly dataDir: string | false;
}

/** The server's settings, each for a reason. */
function serverSettings({ host, port, dataDir }: ServerCommand): Record<string, string> {
  return {
    bind: host,
    port: String(port),
    daemonize: 'no',
    // The append-only file is the whole copy; snapshots beside it would only fork the server now and then.
    save: '',
    ...(dataDir === false
      ? { appendonly: 'no' }
      : { dir: dataDir, appendonly: 'yes', appendfsync: 'everysec' }),
    // A delayed job is as exact as this: at the default of 10, up to 100 ms late.
    hz: '100',
    // A queue that drops keys when memory is short loses tasks; it must refuse writes instead.
    'maxmemory-policy': 'noeviction',
    // Keeps job hashes compact. The older name: version 7 and later and Valkey take it for hash-max-listpack-value.
    'hash-max-ziplist-value': '1024',
  };
}

export class NativeServer {
  /** Resolves to how the process ended. */
  readonly ended: Promise<string>;

  private readonly child: ChildProcess;
  private readonly options: ServerCommand;
  private readonly output = new Tail();
  private how: string | undefined;

  constructor(options: ServerCommand) {
    this.options = options;
    const settings = Object.entries(serverSettings(options)).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    const [program = options.command, ...args] = [...options.prefix, options.command, ...settings];
    // Detached: a process group of its own, out of the terminal's reach.
    this.child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.output.follow(this.child.stdout);
    this.output.follow(this.child.stderr);
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) =>
        resolve((this.how = `could not be run: ${error.message}`)),
      );
      // 'close' and not 'exit': by then its last words have been read.
      this.child.once('close', (code, name) =>
        resolve((this.how ??= `ended with ${name ?? `exit code ${code}`}`)),
      );
    });
  }

  /** Undefined when the program could not be run at all. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Resolves when it serves. Throws `EMBEDDED_PORT_TAKEN`, or `EMBEDDED_START` with the server's own reason. */
  async ready(deadline: number): Promise<ServerInfo> {
    const { host, port } = this.options;
    while (this.how === undefined) {
      const info = await askServer(dialHost(host), port);
      // Another program's server may answer on the port that ours is failing to get.
      if (info !== undefined && info.processId === this.pid) return info;
      if (performance.now() > deadline)
        throw this.startError(
          'did not answer in time; raise startTimeout or look at the data folder',
        );
      await Promise.race([delay(LOOK_EVERY_MS), this.ended]);
    }
    if (/address already in use/i.test(this.output.lines(50))) throw portTaken(host, port);
    throw this.startError(`${this.how}; mend what it names, or use engine: 'wasm'`);
  }

  /** Lets it write its data out and end; kills it when that takes too long. */
  async stop(): Promise<void> {
    if (this.pid === undefined) return;
    await endProcess(
      this.pid,
      () => this.child.exitCode !== null || this.child.signalCode !== null,
    );
  }

  /** The last lines that the server printed, to end a message with. */
  said(): string {
    return this.output.quote();
  }

  private startError(what: string): EmbeddedError {
    return new EmbeddedError('EMBEDDED_START', `${this.options.command} ${what}${this.said()}`);
  }
}
