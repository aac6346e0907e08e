import { createHmac, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'

const algorithm = 'EdDSA'
const lifetime = '60s'
const skew = 60
// How a private key of Ed25519 is written, before the 32 bytes that are its own (RFC 8410).
const form = Buffer.from('302e020100300506032b657004220420', 'hex')

const audienceOf = (volume: string): string => `agent/${volume}`

/** The key that signs calls of agents. An agent is told its public half only: nothing in its Pod is a secret. */
function keyFrom(signingKey: string): KeyObject {
  const own = createHmac('sha256', signingKey).update('agents').digest()
  return createPrivateKey({ key: Buffer.concat([form, own]), format: 'der', type: 'pkcs8' })
}

/** What an agent knows its callers by. */
export const publicKeyFrom = (signingKey: string): string =>
  createPublicKey(keyFrom(signingKey)).export({ format: 'der', type: 'spki' }).toString('base64')

/** Says to the agent of a volume, for a minute, that we are who may call it. */
export const signCall = (volume: string, signingKey: string): Promise<string> =>
  new SignJWT()
    .setProtectedHeader({ alg: algorithm })
    .setAudience(audienceOf(volume))
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(keyFrom(signingKey))

/** True for what `signCall` made for this volume, with the other half of the key. */
export async function isCall(
  token: string | undefined,
  volume: string,
  publicKey: string,
): Promise<boolean> {
  if (!token) return false
  const key = createPublicKey({
    key: Buffer.from(publicKey, 'base64'),
    format: 'der',
    type: 'spki',
  })
  const claims = { audience: audienceOf(volume), requiredClaims: ['exp', 'aud'] }
  return jwtVerify(token, key, { ...claims, algorithms: [algorithm], clockTolerance: skew }).then(
    () => true,
    () => false,
  )
}
