/** What a call says of itself, checked. */

/** The retry settings that one call gives in place of its task's. Times are in milliseconds. */
export interface MessageRetry {
  readonly max?: number | null;
  readonly delay?: number;
  readonly backoff?: number;
  readonly backoffMax?: number;
  readonly jitter?: boolean;
}

/** How calls are recognised as the same one. */
export interface Uniqueness {
  readonly key?: (...args: readonly unknown[]) => string;
  readonly until: 'started' | 'done';
  readonly ttl?: number;
}

/** Call options, checked. Times are in milliseconds. */
export interface CallSettings {
  readonly queue?: string;
  readonly priority?: number;
  readonly countdown?: number;
  readonly eta?: number;
  /** A span from now. */
  readonly expiresIn?: number;
  /** A point in time. */
  readonly expiresAt?: number;
  readonly id?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly ignoreResult?: boolean;
  readonly resultExpires?: number;
  readonly retry?: MessageRetry;
  readonly timeLimit?: number;
  readonly softTimeLimit?: number;
  readonly unique?: Uniqueness | false;
}
