import { formatTime } from '#shared/domain/time.ts'
import type { Token } from '#shared/domain/token.ts'
import type { TokenRow } from '#shared/database/tokens.ts'

/** A token as it is shown. */
export function showToken(row: TokenRow): Token {
  const { name, role, createdBy, revokedBy, revokedAt, lastUsedAt } = row
  return {
    name,
    role,
    state: revokedAt ? 'revoked' : row.isExpired ? 'expired' : 'valid',
    createdBy,
    createdAt: formatTime(row.createdAt),
    expiresAt: formatTime(row.expiresAt),
    ...(lastUsedAt && { lastUsedAt: formatTime(lastUsedAt) }),
    ...(revokedBy !== null && { revokedBy }),
    ...(revokedAt && { revokedAt: formatTime(revokedAt) }),
  }
}
