import type { Role } from '#shared/domain/role.ts'
import { relax, type Queryable, type Sql, type Tx } from './sql.ts'

export type TokenRow = {
  name: string
  role: Role
  createdBy: string
  createdAt: Date
  expiresAt: Date
  lastUsedAt: Date | null
  revokedBy: string | null
  revokedAt: Date | null
  isExpired: boolean
}

const columns = (sql: Queryable) => sql`
  name, role, created_by as "createdBy", created_at as "createdAt", expires_at as "expiresAt",
  last_used_at as "lastUsedAt", revoked_by as "revokedBy", revoked_at as "revokedAt",
  expires_at <= now() as "isExpired"`

/** Keeps a token by the hash of its secret; undefined when the name was given before. */
export async function addToken(
  tx: Tx,
  token: { name: string; role: Role; hash: Buffer; seconds: number; createdBy: string },
): Promise<TokenRow | undefined> {
  const { name, role, hash, seconds, createdBy } = token
  const [row] = await tx<TokenRow[]>`
    insert into token (name, role, hash, created_by, expires_at)
    values (${name}, ${role}, ${hash}, ${createdBy}, now() + ${seconds} * interval '1 second')
        on conflict (name) do nothing
    returning ${columns(tx)}`
  return row
}

/** The token with this hash, whatever its state; a use of it is noted once a minute. */
export async function useToken(sql: Sql, hash: Buffer): Promise<TokenRow | undefined> {
  // That it was used need not be known after a crash.
  const [row] = await sql<TokenRow[]>`
    with relaxed as materialized (${relax(sql)}), used as (
      update token
         set last_used_at = now()
        from relaxed
       where hash = ${hash}
         and revoked_at is null
         and expires_at > now()
         and (last_used_at is null or last_used_at < now() - interval '1 minute')
    )
    select ${columns(sql)} from token where hash = ${hash}`
  return row
}

/** Whether a token with one of these hashes could still sign somebody in. */
export async function areOfUse(sql: Queryable, hashes: readonly Buffer[]): Promise<boolean> {
  if (hashes.length === 0) return false
  const digits = hashes.map((hash) => hash.toString('hex'))
  const [row] = await sql`
    select
      from token
     where hash = any (array(select decode(hex, 'hex') from unnest(${digits}::text[]) as hex))
       and revoked_at is null
       and expires_at > now()
     limit 1`
  return row !== undefined
}

/** Tokens, the newest first. */
export async function listTokens(sql: Queryable, limit: number): Promise<TokenRow[]> {
  return sql<TokenRow[]>`
    select ${columns(sql)} from token order by created_at desc, name limit ${limit}`
}

/** Takes a token its power, for good; false when there is none of that name with any. */
export async function revokeToken(tx: Tx, name: string, by: string): Promise<boolean> {
  const { count } = await tx`
    update token
       set revoked_by = ${by},
           revoked_at = now()
     where name = ${name}
       and revoked_at is null`
  return count > 0
}
