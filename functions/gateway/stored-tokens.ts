import { Problem } from '#shared/contracts/problems.ts'
import { useToken, type TokenRow } from '#shared/database/tokens.ts'
import type { Sql } from '#shared/database/sql.ts'
import { formatTime } from '#shared/domain/time.ts'
import { hashOf, isTokenSecret } from '#shared/runtime/token-secret.ts'
import type { WayIn } from './authenticate.ts'
import { credentialOf } from './credential.ts'
import { Recent } from '#shared/runtime/recent.ts'

// As long as a token that was revoked, or has expired, may still be taken for a good one: 5 s, as its route says.
const memory = 5000
const remembered = 1000

/** Signs in by a token of the database: one look-up by its hash, remembered for a moment. */
export function storedTokens(sql: Sql, now: () => number = () => performance.now()): WayIn {
  const recent = new Recent<{ token: TokenRow; until: number }>(remembered)
  const find = async (secret: string): Promise<TokenRow | undefined> => {
    const hash = hashOf(secret)
    const key = hash.toString('hex')
    const known = recent.get(key)
    if (known && known.until > now()) return known.token
    const token = await useToken(sql, hash)
    if (token) recent.set(key, { token, until: now() + memory })
    return token
  }
  return async (request) => {
    const secret = credentialOf(request)
    if (!secret?.startsWith('knit_')) return undefined
    if (!isTokenSecret(secret))
      throw refused('The token is not whole: copy it again, from knit_ to its last character.')
    const token = await find(secret)
    if (!token) throw refused('There is no such token here: is it one of another system?')
    checkState(token)
    return { name: `token:${token.name}`, role: token.role }
  }
}

function checkState({ name, isExpired, expiresAt, revokedAt }: TokenRow): void {
  const ask = 'Ask an administrator for a new one.'
  if (revokedAt) throw refused(`The token ${name} was revoked at ${formatTime(revokedAt)}. ${ask}`)
  if (isExpired) throw refused(`The token ${name} expired at ${formatTime(expiresAt)}. ${ask}`)
}

const refused = (why: string): Problem => new Problem('unauthorized', why)
