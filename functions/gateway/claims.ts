import { roles, type Role } from '#shared/domain/role.ts'

/** Which claim of a token says who somebody is, and by which values of which other what they may do. */
export type ClaimSettings = {
  nameClaim: string
  roleClaim: string
  values: Record<Role, readonly string[]>
}

type Claims = Record<string, unknown>

const printable = /^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u

/** What the token calls somebody; undefined when that is no name, or an address that nobody has looked at. */
export function nameIn(claims: Claims, { nameClaim }: ClaimSettings): string | undefined {
  const name = claimOf(claims, nameClaim)
  const isUnproven = nameClaim === 'email' && claims['email_verified'] === false
  return typeof name === 'string' && printable.test(name) && !isUnproven ? name : undefined
}

/** The highest role that a value of the claim stands for; undefined when there is none. */
export function roleIn(claims: Claims, settings: ClaimSettings): Role | undefined {
  const { roleClaim, values } = settings
  const given =
    roleClaim === settings.nameClaim ? nameIn(claims, settings) : claimOf(claims, roleClaim)
  const has = new Set(
    typeof given === 'string' ? given.split(' ') : Array.isArray(given) ? given : [],
  )
  return roles.findLast((role) => values[role].some((value) => has.has(value)))
}

/** Some providers put a claim inside of another: `realm_access.roles`. Others have dots in the name of one. */
function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  return name.split('.').reduce<unknown>(memberOf, claims)
}

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Claims)[key]
    : undefined
