import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { askProvider, discover, ProviderAway } from '#shared/oidc/provider.ts'

const minute = 60_000
const fresh = 10 * minute
// A provider that is away for a day keeps nobody out whose token is still good; a key it has given up is trusted no longer than that.
const trusted = 24 * 60 * minute
const betweenReads = minute / 2
const afterFailure = minute / 12

/** Reads the keys by which the tokens of a provider are known. */
export const readKeysOf = (issuer: string) => async (): Promise<JSONWebKeySet> => {
  const { jwks_uri } = await discover(issuer)
  const { status, body } = await askProvider(jwks_uri)
  if (status !== 200 || !Array.isArray(body['keys']))
    throw new ProviderAway(`there are no keys at ${jwks_uri} (${status})`)
  return body as unknown as JSONWebKeySet
}

type Known = { find: JWTVerifyGetKey; at: number }

/**
 * Finds the key of a token among those of its provider. They are read again when they are old, which nobody waits for, and when a
 * token names one that is not there, but not at the pace at which somebody sends such tokens.
 */
export function providerKeys(
  read: () => Promise<JSONWebKeySet>,
  now: () => number = () => performance.now(),
): JWTVerifyGetKey {
  let known: Known | undefined
  let failure: unknown
  let reading: Promise<Known> | undefined
  let nextAt = -Infinity

  const readNow = async (): Promise<Known> => {
    try {
      known = { find: createLocalJWKSet(await read()), at: now() }
      failure = undefined
      return known
    } catch (error) {
      failure = error
      throw error
    } finally {
      nextAt = now() + (failure ? afterFailure : betweenReads)
      reading = undefined
    }
  }
  const newest = async (): Promise<Known> => {
    if (reading || now() >= nextAt) return (reading ??= readNow())
    if (failure || !known) throw failure
    return known
  }
  const trustedNow = async (): Promise<Known> => {
    const age = known ? now() - known.at : Infinity
    if (!known || age > trusted) return newest()
    if (age > fresh) newest().catch(() => {})
    return known
  }

  return async (header, token) => {
    const { find } = await trustedNow()
    try {
      return await find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      return (await newest()).find(header, token)
    }
  }
}
