/** What the result of a task and the result of a group have in common. */
import type { Handle } from '../codec/index.js';
import type { TaskState } from '../protocol/outcome.js';
import type { GetOptions } from './get-options.js';
import type { RevokeResultOptions } from './revocation.js';

/**
 * What a group gives with `propagate: false`: errors stand in the places of values. A group of nothing
 * gives the error of what came before.
 */
export type SettledValues<T> = T extends readonly []
  ? T | Error
  : T extends readonly unknown[]
    ? { [K in keyof T]: T[K] | Error }
    : never;

export interface AnyResult<T = unknown> extends Handle {
  readonly id: string;
  /** The result of what came before, in a chain. */
  readonly parent: AnyResult | undefined;
  get(options?: GetOptions & { propagate?: true }): Promise<T>;
  get(options: GetOptions): Promise<T | Error | SettledValues<T>>;
  state(): Promise<TaskState>;
  ready(): Promise<boolean>;
  successful(): Promise<boolean>;
  failed(): Promise<boolean>;
  revoke(options?: RevokeResultOptions): Promise<boolean>;
  forget(): Promise<boolean>;
  /** Whether its end has come to this process. @internal */
  readonly isOver: boolean;
  /** Where it is, in words for people. @internal */
  situation(): Promise<{ readonly what: string; readonly where: string }>;
}
