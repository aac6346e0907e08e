import { decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { Problem } from '#shared/contracts/problems.ts'
import { ProviderAway } from '#shared/oidc/provider.ts'
import type { Principal } from '#shared/runtime/identity.ts'
import type { WayIn } from './authenticate.ts'
import { nameIn, roleIn, type ClaimSettings } from './claims.ts'
import { credentialOf } from './credential.ts'

export type OidcSettings = ClaimSettings & { issuer: string; audience: string }

const form = /^[\w-]+\.[\w-]+\.[\w-]*$/
const maxLength = 16 * 1024
// Those of a key pair: whoever knows how to check a signature cannot make one.
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']
// Providers sign other things with the same keys, such as notes that somebody has left.
const kinds = new Set([undefined, 'jwt', 'at+jwt', 'application/at+jwt'])
// Seconds by which the clock of a provider may differ from ours.
const clockTolerance = 60

/** Signs in by a token that a provider of OpenID Connect has signed for us. */
export function oidcTokens(settings: OidcSettings, keys: JWTVerifyGetKey): WayIn {
  return async (request): Promise<Principal | undefined> => {
    const token = credentialOf(request)
    if (token === undefined || !form.test(token)) return undefined
    const claims = await verified(token, settings, keys)
    const name = nameIn(claims, settings)
    if (name === undefined)
      throw refused(`The token does not say who you are: it has no "${settings.nameClaim}".`)
    const role = roleIn(claims, settings)
    if (role) return { name: `oidc:${name}`, role }
    throw new Problem(
      'forbidden',
      `${name} has signed in, and has no role here: ask an administrator, who gives roles by "${settings.roleClaim}" of the token.`,
    )
  }
}

async function verified(
  token: string,
  { issuer, audience }: OidcSettings,
  keys: JWTVerifyGetKey,
): Promise<JWTPayload> {
  // Nobody is asked for keys because of a token of somebody else.
  if (token.length > maxLength || issuerOf(token) !== issuer)
    throw refused(`The token is not one of ${issuer}.`)
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    algorithms,
    issuer,
    audience,
    clockTolerance,
    requiredClaims: ['sub', 'iat', 'exp'],
  }).catch((error: unknown) => {
    throw refusalOf(error, issuer, audience)
  })
  if ((payload.iat ?? 0) > Date.now() / 1000 + clockTolerance) throw notAsItShouldBe('iat')
  // One that is bound to a key is good only together with a proof of that, which is not asked for here.
  if (kinds.has(protectedHeader.typ?.toLowerCase()) && !payload['events'] && !payload['cnf'])
    return payload
  throw refused('The token is not one to sign in with.')
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

function refusalOf(error: unknown, issuer: string, audience: string): Problem {
  if (error instanceof ProviderAway)
    return new Problem(
      'unavailable',
      `The token cannot be checked, as its provider ${issuer} does not answer as it should; try again in a moment. If it stays so, tell an administrator: the log of the gateway says why.`,
      { cause: error },
    )
  if (error instanceof errors.JWTExpired)
    return refused('The token has expired: sign in again (knit login).', error)
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud')
    return refused(`The token is for another audience than ${audience}.`, error)
  if (error instanceof errors.JWTClaimValidationFailed) return notAsItShouldBe(error.claim, error)
  return refused(`The token is not signed by a key of ${issuer}.`, error)
}

const notAsItShouldBe = (claim: string, cause?: unknown): Problem =>
  refused(`"${claim}" of the token is not as it should be.`, cause)

const refused = (why: string, cause?: unknown): Problem =>
  new Problem('unauthorized', why, { cause })
