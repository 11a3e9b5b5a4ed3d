/** How one run of a task ended. */
import type { Replace, Verdict } from '@dtask/core/internal';
import type { Revoked } from './revoked.js';

export type Report =
  /** It returned. */
  | { readonly kind: 'value'; readonly value: unknown }
  /** It threw, and that was judged. */
  | Verdict
  /** A canvas takes its place. */
  | { readonly kind: 'replace'; readonly node: Replace['node'] }
  /** It was revoked. */
  | { readonly kind: 'revoked'; readonly by: Revoked }
  /** The process or thread that it ran in died: of it, or of one of those that `shared` it. */
  | { readonly kind: 'crashed'; readonly how: string; readonly shared?: boolean };
