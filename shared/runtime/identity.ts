import { jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'
import { Problem } from '#shared/contracts/problems.ts'
import { roles, type Role } from '#shared/contracts/route.ts'

export const identityHeader = 'x-knit-identity'

const Principal = z.object({ name: z.string(), role: z.enum(roles) })
/** Who calls, and what they may do. */
export type Principal = z.infer<typeof Principal>

const algorithm = 'HS256'
const lifetime = 60
const skew = 60

/** Signs who calls for one audience (a route's name), for a minute. */
export async function signIdentity(
  principal: Principal,
  audience: string,
  key: string,
): Promise<string> {
  return new SignJWT({ role: principal.role })
    .setProtectedHeader({ alg: algorithm })
    .setSubject(principal.name)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${lifetime}s`)
    .sign(secret(key))
}

/** Who a token speaks for; undefined when it is forged, expired, or meant for another audience. */
export async function verifyIdentity(
  token: string | undefined,
  audience: string,
  key: string,
): Promise<Principal | undefined> {
  if (!token) return undefined
  try {
    const { payload } = await jwtVerify(token, secret(key), {
      algorithms: [algorithm],
      audience,
      clockTolerance: skew,
      requiredClaims: ['sub', 'exp', 'aud'],
    })
    return Principal.parse({ name: payload.sub, role: payload['role'] })
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

/** Throws a `Problem` to who may not do what needs a role. */
export function checkRole({ name, role }: Principal, needed: Role): void {
  if (roles.indexOf(role) < roles.indexOf(needed))
    throw new Problem('forbidden', `${name} is a ${role}; this needs the role ${needed}.`)
}
