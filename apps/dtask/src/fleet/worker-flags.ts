/** The flags of a command, as those of the workers that it starts. */
import { ConfigError } from '@dtask/core';
import { resolveSettings, type WorkerConfig, workerSettings } from '@dtask/core/internal';
import type { Command } from 'commander';

/** The flags that a command was given, without those that are its own. */
export function flagsOf(command: Command, own: readonly string[]): string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName();
    if (own.includes(name) || command.getOptionValueSource(name) !== 'cli') return [];
    const value: unknown = command.getOptionValue(name);
    const flag = option.long ?? option.short ?? '';
    return value === true ? [flag] : [flag, String(value)];
  });
}

/**
 * The settings that the workers will have.
 *
 * @throws ConfigError when one of them is wrong
 */
export function configOf(options: Readonly<Record<string, unknown>>): WorkerConfig {
  const known = Object.entries(options).filter(([name]) => name in workerSettings);
  return resolveSettings(workerSettings, Object.fromEntries(known), process.env);
}

/**
 * The name of one of several workers: `%i` and `%I` in it are its number; a name without them gets
 * the number at its end.
 *
 * @param base the name that was given; without one it is made of app, host and this process
 */
export function memberName(base: string, number: number): string {
  const format = base || `%a@%h.${process.pid}%I`;
  const numbered = format.replaceAll(/%(.)/gs, (whole, letter: string) => {
    if (letter === 'i') return String(number);
    return letter === 'I' ? `-${number}` : whole;
  });
  return numbered === format ? `${format}-${number}` : numbered;
}

/**
 * The flag for the port of one of several workers: each has one of its own, counted up from the first's.
 *
 * @param base the port that was given; none below 0, any free one for 0
 * @throws ConfigError when there are no ports for so many
 */
export function memberPort(base: number, number: number): string[] {
  if (base < 0) return [];
  const port = base === 0 ? 0 : base + number - 1;
  if (port <= 65_535) return ['--http-port', String(port)];
  throw new ConfigError(
    `--http-port is that of the first worker, and the others count up from it: with ${base} there is none for worker ${number}`,
  );
}
