/** The control commands that an App adds to dtask's own. */
import { show } from '../config/setting.js';
import { ConfigError, RegistryError } from '../errors.js';
import { inOwnContext } from '../own-context.js';
import { controlCommands } from './control.js';
import { inspectCommands } from './inspect.js';

/** What a command knows of the worker that carries it out. */
export interface ControlledWorker {
  readonly name: string;
}

/** A command of an App's own: what it returns is the worker's answer, as JSON. */
export type ControlCommand = (
  args: Readonly<Record<string, unknown>>,
  worker: ControlledWorker,
) => unknown;

/** The commands of an App, by name. */
export class CustomCommands {
  readonly #commands = new Map<string, ControlCommand>();

  /** @throws ConfigError when it is no name or no function, RegistryError when it is taken */
  add(name: string, command: ControlCommand): void {
    if (typeof name !== 'string' || !/^[A-Za-z][\w.-]{0,99}$/.test(name)) {
      throw new ConfigError(
        `the name of a control command must be a letter and then letters, digits and any of . _ -, got ${show(name)}`,
      );
    }
    if (typeof command !== 'function')
      throw new ConfigError(`control command ${name} must be a function, got ${show(command)}`);
    if (
      this.#commands.has(name) ||
      name === 'rules' ||
      name in controlCommands ||
      name in inspectCommands
    )
      throw new RegistryError(`there is a control command ${name} already; give it another name`);
    this.#commands.set(name, inOwnContext(command));
  }

  find(name: string): ControlCommand | undefined {
    return this.#commands.get(name);
  }

  names(): string[] {
    return [...this.#commands.keys()].sort();
  }
}
