import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose'
import * as z from 'zod'
import { askProvider, discover, ProviderAway } from '#shared/oidc/provider.ts'
import type { Log } from '#shared/ports/log.ts'

const minute = 60_000
const fresh = 10 * minute
// A provider that is away for a day keeps nobody out whose token is still good; a key it has given up is trusted no longer than that.
const trusted = 24 * 60 * minute
const betweenReads = minute / 2
const afterFailure = minute / 12
const betweenLines = minute

/** The keys of a provider, and where they were read. */
export type Keys = JSONWebKeySet & { from: string }

const KeySet = z.object({ keys: z.array(z.looseObject({})).min(1) })

/** Reads the keys by which the tokens of a provider are known. */
export const readKeysOf = (issuer: string) => async (): Promise<Keys> => {
  const { jwks_uri: from } = await discover(issuer)
  const { status, body } = await askProvider(from)
  const { data } = KeySet.safeParse(body)
  if (status !== 200 || !data) throw new ProviderAway(`${from} answers ${status}, without keys`)
  return { keys: data.keys as JSONWebKeySet['keys'], from }
}

type Known = { find: JWTVerifyGetKey; at: number }

/**
 * Finds the key of a token among those of its provider. They are read again when they are old, which nobody waits for, and when a
 * token names one that is not there, but not at the pace at which somebody sends such tokens. Throws `ProviderAway` when it is not
 * the token's fault that there is none, and says so in the log.
 */
export function providerKeys(
  read: () => Promise<Keys>,
  log: Pick<Log, 'warn' | 'info'>,
  now: () => number = () => performance.now(),
): JWTVerifyGetKey {
  const trouble = tellTrouble(log, now)
  let known: Known | undefined
  let failure: unknown
  let reading: Promise<Known> | undefined
  let nextAt = -Infinity

  const readNow = async (): Promise<Known> => {
    try {
      known = { find: findIn(await read(), trouble), at: now() }
      failure = undefined
      trouble.isOver()
      return known
    } catch (error) {
      failure = error
      trouble.is(error)
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

/** Finds a key among these. One that is there and is none is the provider's mistake. */
function findIn(keys: Keys, trouble: Trouble): JWTVerifyGetKey {
  const find = createLocalJWKSet(keys)
  return async (header, token) => {
    try {
      return longEnough(await find(header, token))
    } catch (error) {
      if (isOfToken(error)) throw error
      const why = `${keys.from} has a key that cannot be used: ${(error as Error).message}`
      const away = new ProviderAway(why, { cause: error })
      trouble.is(away)
      throw away
    }
  }
}

const isOfToken = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys

const leastBits = 2048

/** What cannot be taken later is found out here, where it is known whose mistake it is. */
function longEnough(key: CryptoKey): CryptoKey {
  const { modulusLength = leastBits } = key.algorithm as { modulusLength?: number }
  if (modulusLength < leastBits) throw new Error(`it has ${modulusLength} bits, not ${leastBits}`)
  return key
}

type Trouble = { is(error: unknown): void; isOver(): void }

/** Tells admins of what users cannot mend: at once, once a minute as long as it lasts, and when it is over. */
function tellTrouble(log: Pick<Log, 'warn' | 'info'>, now: () => number): Trouble {
  let toldAt: number | undefined
  return {
    is(error) {
      if (toldAt !== undefined && now() - toldAt < betweenLines) return
      toldAt = now()
      log.warn('the provider of sign-ins cannot be used', { reason: (error as Error).message })
    },
    isOver() {
      if (toldAt !== undefined) log.info('the provider of sign-ins can be used again')
      toldAt = undefined
    },
  }
}
