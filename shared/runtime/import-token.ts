import { createHmac } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { ImportTicket } from '#shared/domain/import-ticket.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import type { Config } from './config.ts'

type Keys = Pick<Config, 'signingKey' | 'release'>

const algorithm = 'HS256'
const audience = 'import'
// As long as a key signs, in seconds. It is good for as long again, which no token outlives.
const period = 3 * 60 * 60

/** Keys change by themselves: each is made of the key of the release and the time it is for, so that nobody has to keep them. */
const keyFor = ({ signingKey }: Keys, turn: number): Uint8Array =>
  createHmac('sha256', signingKey).update(`import ${turn}`).digest()

/** What that key is called: a UUID, as clients that read a token know it. */
function kidFor({ signingKey }: Keys, turn: number): string {
  const hex = createHmac('sha256', signingKey).update(`name of import ${turn}`).digest('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(12, 15)}`,
    `8${hex.slice(15, 18)}`,
  ]
  return [...parts, hex.slice(18, 30)].join('-')
}

const turnAt = (seconds: number): number => Math.floor(seconds / period)

/** The token of an import; the same for the same ticket, however often it is asked for. */
export async function signImport(ticket: ImportTicket, keys: Keys): Promise<string> {
  const { jti, knitId, runId, issuedAt, expiresAt } = ticket
  const turn = turnAt(issuedAt)
  return new SignJWT({ 'knitfab/knitId': knitId, 'knitfab/runId': runId })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: kidFor(keys, turn) })
    .setJti(jti)
    .setSubject(volumeOf(knitId))
    .setIssuer(keys.release)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(keyFor(keys, turn))
}

/** The ticket of a token; undefined for one that is forged, changed, expired or of somebody else. */
export async function verifyImport(
  token: string,
  keys: Keys,
  now: Date,
): Promise<ImportTicket | undefined> {
  // What decodes the parts passes over blanks.
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined
  const turn = turnAt(now.getTime() / 1000)
  const known = new Map([turn, turn - 1].map((one) => [kidFor(keys, one), one]))
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid = '' }) => {
        const one = known.get(kid)
        if (one === undefined) throw new Error('the key is not known')
        return keyFor(keys, one)
      },
      {
        algorithms: [algorithm],
        typ: 'JWT',
        issuer: keys.release,
        audience,
        currentDate: now,
        requiredClaims: ['sub', 'jti', 'iat', 'exp'],
      },
    )
    const ticket = ImportTicket.parse({
      jti: payload.jti,
      knitId: payload['knitfab/knitId'],
      runId: payload['knitfab/runId'],
      issuedAt: payload.iat,
      expiresAt: payload.exp,
    })
    return payload.sub === volumeOf(ticket.knitId) ? ticket : undefined
  } catch {
    return undefined
  }
}
