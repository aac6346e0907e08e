import type { Role } from '#shared/domain/role.ts'
import { addToken, revokeToken } from '#shared/database/tokens.ts'
import { begin } from '#shared/database/sql.ts'
import type { World } from '#shared/runtime/context.ts'
import { hashOf, newSeed, secretOf } from '#shared/runtime/token-secret.ts'

type Wish = { role?: Role; state?: 'valid' | 'expired' | 'revoked' }

/** A token in this state; gives back its secret. */
export async function makeToken(
  { sql, config }: Pick<World, 'sql' | 'config'>,
  name: string,
  { role = 'user', state = 'valid' }: Wish = {},
): Promise<string> {
  const secret = secretOf(newSeed(), config.signingKey)
  const token = { name, role, hash: hashOf(secret), seconds: 3600, createdBy: 'test' }
  await begin(sql, (tx) => addToken(tx, token))
  if (state === 'revoked') await begin(sql, (tx) => revokeToken(tx, name, 'test'))
  if (state === 'expired') await sql`update token set expires_at = now() where name = ${name}`
  return secret
}
