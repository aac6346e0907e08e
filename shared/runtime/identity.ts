import { jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'
import { Problem } from '#shared/contracts/problems.ts'
import type { Route } from '#shared/contracts/route.ts'
import { mayAct, Role } from '#shared/domain/role.ts'
import { Recent } from './recent.ts'

export const identityHeader = 'x-knit-identity'

const Principal = z.object({ name: z.string(), role: Role, address: z.string().optional() })
/** Who calls, what they may do, and where from, as far as the gateway sees that. */
export type Principal = z.infer<typeof Principal>

const algorithm = 'HS256'
const lifetime = 60
const skew = 60

// To sign and to verify takes longer than all else that is done around a handler: who calls again is known for a while.
const reused = 20
const remembered = 1000
const signed = new Recent<{ token: string; until: number }>(remembered)
const verified = new Recent<{ principal: Principal; until: number }>(remembered)

const now = (): number => Date.now() / 1000

/** Signs who calls for one audience (a route's name), for a minute; the same again for a part of that. */
export async function signIdentity(
  principal: Principal,
  audience: string,
  key: string,
): Promise<string> {
  const { name, role, address } = principal
  const about = JSON.stringify([name, role, address, audience, key])
  const known = signed.get(about)
  if (known && now() < known.until && now() >= known.until - reused) return known.token
  const token = await new SignJWT({ role, ...(address !== undefined && { address }) })
    .setProtectedHeader({ alg: algorithm })
    .setSubject(name)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${lifetime}s`)
    .sign(secret(key))
  signed.set(about, { token, until: now() + reused })
  return token
}

/** Who a token speaks for; undefined when it is forged, expired, or meant for another audience. */
export async function verifyIdentity(
  token: string | undefined,
  audience: string,
  key: string,
): Promise<Principal | undefined> {
  if (!token) return undefined
  const about = `${audience} ${key} ${token}`
  const known = verified.get(about)
  if (known && now() < known.until) return known.principal
  try {
    const { payload } = await jwtVerify(token, secret(key), {
      algorithms: [algorithm],
      audience,
      clockTolerance: skew,
      requiredClaims: ['sub', 'exp', 'aud'],
    })
    const { sub: name, role, address, exp = 0 } = payload
    const principal = Principal.parse({ name, role, address })
    verified.set(about, { principal, until: exp + skew })
    return principal
  } catch {
    return undefined
  }
}

const secrets = new Map<string, Uint8Array>()

function secret(key: string): Uint8Array {
  let bytes = secrets.get(key)
  if (!bytes) {
    bytes = new TextEncoder().encode(key)
    secrets.set(key, bytes)
  }
  return bytes
}

/** Throws `forbidden` unless the caller may call the route. The gateway asks, and the function does not rely on that. */
export function checkRole({ name, role }: Principal, { role: needed, summary }: Route): void {
  if (!mayAct(role, needed))
    throw new Problem(
      'forbidden',
      `${name} is a ${role}, and this needs the role ${needed}: ${summary} Ask an administrator for a token of that role.`,
    )
}
