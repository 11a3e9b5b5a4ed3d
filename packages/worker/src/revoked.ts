/** Why a task is not to run, or to run on. */
import type { RevocationMark } from '@dtask/core/internal';

export interface Revoked {
  readonly kind: 'revoked' | 'expired' | 'terminated';
  /** For its caller and the log. */
  readonly reason: string;
}

export const expired: Revoked = { kind: 'expired', reason: 'expired' };

/** What a mark or a command says. */
export function revokedBy({ terminate, reason }: RevocationMark): Revoked {
  const kind = terminate ? 'terminated' : 'revoked';
  return { kind, reason: reason ?? kind };
}

/** What the text of a mark says; whatever it is, somebody has set it. */
export function revokedByText(text: string): Revoked {
  try {
    return revokedBy(JSON.parse(text) as RevocationMark);
  } catch {
    return revokedBy({});
  }
}
